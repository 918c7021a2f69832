"""The decoder that harmonises while decoding: a VAE's decoder that also sees the known pixels and the mask.

Network of the released ASUKA decoder (after Asymmetric VQGAN), on the decoder of any `AutoencoderKL` of diffusers.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn

from decoder.known import KnownEncoder
from decoder.rows import Rows
from decoder.strips import finish, small


class ConditionalDecoder(ModelMixin, ConfigMixin):
    """(latents, image, mask) -> pixels; at every size, features of the known pixels stand in for decoded ones.

    The sizes are those of `AutoencoderKL`. trained_with: hashes of the frozen parts it was trained with, kept in
    the config, not used by the network. Nothing is pasted: known pixels too come out of the last convolution.
    Raises ValueError where there are not as many `up_block_types` as `block_out_channels`.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        block_out_channels: tuple[int, ...] = (128, 256, 512, 512),
        layers_per_block: int = 2,
        up_block_types: tuple[str, ...] = ("UpDecoderBlock2D",) * 4,
        norm_num_groups: int = 32,
        act_fn: str = "silu",
        mid_block_add_attention: bool = True,
        use_post_quant_conv: bool = False,
        trained_with: dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        if len(up_block_types) != len(block_out_channels):
            raise ValueError(
                f"There are {len(up_block_types)} up_block_types for {len(block_out_channels)} block_out_channels in "
                "ConditionalDecoder; give one for each, or begin one by ConditionalDecoder.like."
            )
        self.factor = 2 ** (len(block_out_channels) - 1)
        self.post_quant_conv = nn.Conv2d(latent_channels, latent_channels, 1) if use_post_quant_conv else None
        self.decoder = Decoder(
            in_channels=latent_channels,
            out_channels=3,
            up_block_types=tuple(up_block_types),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            act_fn=act_fn,
            mid_block_add_attention=mid_block_add_attention,
        )
        # A level reads what the coarser one wrote, the coarsest what the middle wrote, which is as wide as itself.
        self.known_encoder = KnownEncoder((*block_out_channels, block_out_channels[-1]))

    @classmethod
    def like(cls, vae: AutoencoderKL, trained_with: dict[str, str] | None = None) -> "ConditionalDecoder":
        """The decoder of `vae` (a copy: same sizes, weights, device and precision) with a new encoder of the known
        pixels, fitted to what that decoder makes of random latents. Where all is hole, it decodes as `vae` does.

        Takes a second for the tiny base, a minute and 3.7 GB for Stable Diffusion's on one core.
        """
        config = vae.config
        model = cls(
            latent_channels=config.latent_channels,
            block_out_channels=tuple(config.block_out_channels),
            layers_per_block=config.layers_per_block,
            up_block_types=tuple(config.up_block_types),
            norm_num_groups=config.norm_num_groups,
            act_fn=config.act_fn,
            mid_block_add_attention=config.mid_block_add_attention,
            use_post_quant_conv=config.use_post_quant_conv,
            trained_with=trained_with,
        )
        model.decoder.load_state_dict(vae.decoder.state_dict())
        if model.post_quant_conv is not None:
            model.post_quant_conv.load_state_dict(vae.post_quant_conv.state_dict())
        model._start(config.scaling_factor, config.shift_factor or 0.0)
        return model.to(vae.device).type(vae.dtype)

    @classmethod
    def from_config(cls, config: dict[str, object], **options: object) -> "ConditionalDecoder":
        """As in diffusers, but a saved network of another class is a ValueError, not weights left out."""
        saved = config.get("_class_name", cls.__name__)
        if saved != cls.__name__:
            raise ValueError(f"The saved network is a {saved}, not a {cls.__name__}; load it by {saved}.")
        return super().from_config(config, **options)

    def forward(self, latents: Tensor, image: Tensor, mask: Tensor) -> Tensor:
        """The whole picture, (B, 3, H, W) around [-1, 1], not clamped, nothing pasted.

        latents: (B, channels, H / factor, W / factor) as `AutoencoderKL.decode` takes them (no scaling factor);
        image: (B, 3, H, W) RGB in [-1, 1], whose hole is not looked at; mask: (B, 1, H, W) in [0, 1], 1 = hole.
        Raises ValueError for sizes that do not fit each other.
        """
        self._check_sizes(latents, image, mask)
        # Filled as well as multiplied: whatever lies under the hole, NaN included, leaves no trace.
        image = (image * (1 - mask)).masked_fill(mask >= 1, 0)
        seen = torch.cat([image, mask], dim=1).to(self.dtype)
        if not small(self.decoder, *image.shape[-2:]):
            return self._in_strips(latents, seen, mask)
        known, holes = self.known_encoder(seen), self._holes(mask)
        stream = self._middle(latents)
        for block, features, hole in zip(self.decoder.up_blocks, known[:0:-1], holes[::-1], strict=True):
            stream = block(_put_in(stream, features, hole))
        # As released: here, and only here, a soft mask blends.
        return self._end(_put_in(stream, known[0], mask))

    def _in_strips(self, latents: Tensor, seen: Tensor, mask: Tensor) -> Tensor:
        """The same of a large picture, in a third of the memory."""
        known, holes = self.known_encoder.rows(Rows.of(seen)), [mask, *self._holes(mask)]

        def enter(stream: Rows) -> Rows:
            features, hole = known.pop(), holes.pop()  # from the coarsest on; what was read is given back

            def rows(first: int, last: int) -> Tensor:
                return _put_in(stream.rows(first, last), features.rows(first, last), hole[:, :, first:last])

            return Rows(stream.height, stream.width, rows)

        return finish(self.decoder, self._middle(latents), enter)

    def _holes(self, mask: Tensor) -> list[Tensor]:
        """The hole (B, 1, h, w) as every level of the decoder reads it, finest first."""
        holes = [(mask > 0).to(self.dtype)]
        for _ in self.decoder.up_blocks[1:]:
            # Any hole pixel makes a hole cell: the released area mean > 0, without its rounding.
            holes.append(F.max_pool2d(holes[-1], 2))
        return holes

    @torch.no_grad()
    def _start(self, scaling_factor: float, shift_factor: float) -> None:
        """Fit the encoder of the known pixels to 8 pictures that this decoder makes up, 16 latents wide.

        Half as wide, most of a picture of a quarter of the side's latents is near its border, and twice as many leave
        .41 of the variance of drawn scenes instead of .26 (of an eighth of the side: .27 and .23).
        """
        source = torch.Generator().manual_seed(0)
        # Rough and smooth parts alike, as pictures have; their sum has the spread of real latents.
        sizes = [(8, self.decoder.conv_in.in_channels, side, side) for side in (16, 8, 4, 2)]
        parts = [F.interpolate(torch.randn(size, generator=source), (16, 16), mode="bilinear") for size in sizes]
        latents = torch.stack(parts).sum(dim=0)
        own = [self._middle(latents / latents.std() / scaling_factor + shift_factor)]
        for block in self.decoder.up_blocks:
            own.append(block(own[-1]))
        image = self._end(own[-1]).clamp(-1, 1)
        self.known_encoder.start_near(torch.cat([image, torch.zeros_like(image[:, :1])], dim=1), own[::-1])

    def _middle(self, latents: Tensor) -> Tensor:
        latents = latents if self.post_quant_conv is None else self.post_quant_conv(latents)
        return self.decoder.mid_block(self.decoder.conv_in(latents))

    def _end(self, stream: Tensor) -> Tensor:
        return self.decoder.conv_out(self.decoder.conv_act(self.decoder.conv_norm_out(stream)))

    def _check_sizes(self, latents: Tensor, image: Tensor, mask: Tensor) -> None:
        name, channels = type(self).__name__, self.decoder.conv_in.in_channels
        if latents.ndim != 4 or latents.shape[1] != channels:
            raise ValueError(
                f"The latents have shape {tuple(latents.shape)} in {name}, which reads (batch, {channels}, height, "
                "width); give latents of the VAE it was made for."
            )
        height, width = (self.factor * side for side in latents.shape[-2:])
        for word, value, count in (("image", image, 3), ("mask", mask, 1)):
            if tuple(value.shape) != (len(latents), count, height, width):
                raise ValueError(
                    f"The {word} has shape {tuple(value.shape)} in {name}, where latents of shape "
                    f"{tuple(latents.shape)} want ({len(latents)}, {count}, {height}, {width}); give the picture "
                    "that belongs to the latents, at its full size."
                )


def _put_in(stream: Tensor, features: Tensor, mask: Tensor) -> Tensor:
    """mask * stream + (1 - mask) * features, in the precision of `stream`."""
    # One pass over memory, exact where the mask is 0 or 1; `where` takes ten times as long on a CPU.
    return torch.lerp(features.to(stream.dtype), stream, mask.to(stream.dtype))
