"""The masked autoencoder: network of the released ASUKA prior (after MAE-FAR), without its waste.

Differences to the released code, none of which changes a number: hole tokens are left out of the encoder
instead of being masked and thrown away; only the decoder blocks that are asked for run; a picture that is all
hole is handled by itself instead of giving NaN.
"""

from functools import partial

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from mae.loss import IMAGENET_MEAN, IMAGENET_STD, drop_pixels


def position_table(side: int, width: int) -> Tensor:
    """Fixed sin-cos positions of a square grid, (1, side * side, width), row-major, float32.

    First half of the width: column index, second half: row index; each half [sin, cos] (released code).
    Computed in float64. Raises ValueError for a width that is no multiple of 4.
    """
    if width % 4:
        raise ValueError(f"The width is {width} in mae.model.position_table; give a multiple of 4.")
    quarter = width // 4
    frequency = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angle = torch.arange(side, dtype=torch.float64)[:, None] * frequency
    half = torch.cat([angle.sin(), angle.cos()], dim=1)
    table = torch.cat([half.repeat(side, 1), half.repeat_interleave(side, dim=0)], dim=1)
    return table[None].float()


class PatchEmbed(nn.Module):
    """(B, channels, H, W) -> (B, L, width): one linear map per patch, row-major."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch_size, patch_size)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


class HoleToken(nn.Module):
    """What the decoder reads at a hole patch: one learned vector, whatever part of the patch is known."""

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, image: Tensor, mask: Tensor, coverage: Tensor) -> Tensor:
        """image (B, 3, H, W) normalised, mask (B, 1, H, W), coverage (B, L) -> (B, L, width)."""
        return self.mask_token.expand(*coverage.shape, -1)


class PartialHoleToken(HoleToken):
    """Hole token that keeps the known pixels of a patch only partly covered (released "finetune" form)."""

    # The release begins at 1, for it fine-tunes a plain network. There the embedding has no gradient, and one
    # step upwards past the clamp would leave alpha without one for good. The middle is safe from scratch.
    ALPHA_START = 0.5

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__(width, patch_size)
        self.alpha = nn.Parameter(torch.tensor(self.ALPHA_START))
        self.patch_embed = PatchEmbed(4, width, patch_size)

    def forward(self, image: Tensor, mask: Tensor, coverage: Tensor) -> Tensor:
        """image (B, 3, H, W) normalised, mask (B, 1, H, W), coverage (B, L) -> (B, L, width)."""
        known = self.patch_embed(torch.cat([image * (1 - mask), mask], dim=1))
        alpha = self.alpha.clamp(0, 1)
        partly = (coverage > 0) & (coverage < 1)
        return torch.where(partly[..., None], alpha * self.mask_token + (1 - alpha) * known, self.mask_token)


class PlainAutoencoder(ModelMixin, ConfigMixin):
    """Masked autoencoder whose hole patches are all alike: the form of random-patch pre-training.

    Sizes are in pixels (`image_size`, `patch_size`) and channels (`width`, `decoder_width`); `token_layer` is
    the default of `tokens`, three quarters of the decoder if None (6 of 8 in the paper's base size).
    Raises ValueError where sizes do not divide.
    """

    hole_token_class: type[HoleToken] = HoleToken

    @register_to_config
    def __init__(
        self,
        image_size: int = 256,
        patch_size: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        decoder_width: int = 512,
        decoder_depth: int = 8,
        decoder_heads: int = 16,
        token_layer: int | None = None,
    ) -> None:
        super().__init__()
        for total, part in ((image_size, patch_size), (width, heads), (decoder_width, decoder_heads)):
            if total % part:
                raise ValueError(
                    f"{total} is no multiple of {part} in the sizes of {type(self).__name__}; "
                    "patches must tile the image, and heads the width."
                )
        self.image_size, self.patch_size, self.side = image_size, patch_size, image_size // patch_size
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.patch_embed = PatchEmbed(3, width, patch_size)
        self.blocks = nn.ModuleList(Block(width, heads, qkv_bias=True, norm_layer=norm) for _ in range(depth))
        self.norm = norm(width)
        self.decoder_embed = nn.Linear(width, decoder_width)
        self.hole_token = self.hole_token_class(decoder_width, patch_size)
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_width, decoder_heads, qkv_bias=True, norm_layer=norm) for _ in range(decoder_depth)
        )
        self.decoder_norm = norm(decoder_width)
        self.decoder_pred = nn.Linear(decoder_width, 3 * patch_size**2)
        self.register_buffer("pos_embed", position_table(self.side, width), persistent=False)
        self.register_buffer("decoder_pos_embed", position_table(self.side, decoder_width), persistent=False)
        # Between [-1, 1] and ImageNet-normalised colours: image = shift + scale * normalised.
        self.register_buffer("shift", 2 * torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) - 1, persistent=False)
        self.register_buffer("scale", 2 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.token_layer = self._layer(decoder_depth * 3 // 4 if token_layer is None else token_layer)
        self.register_to_config(token_layer=self.token_layer)
        self.apply(_start)

    @classmethod
    def from_config(cls, config: dict[str, object], **options: object) -> "PlainAutoencoder":
        """As in diffusers, but a saved network of the other class is a ValueError, not weights left out."""
        saved = config.get("_class_name", cls.__name__)
        if saved != cls.__name__:
            raise ValueError(f"The saved network is a {saved}, not a {cls.__name__}; load it by {saved}.")
        return super().from_config(config, **options)

    @property
    def token_dim(self) -> int:
        """Width of `tokens`."""
        return self.decoder_embed.out_features

    @property
    def token_count(self) -> int:
        """Number L of patches, and of `tokens` per picture."""
        return self.side**2

    def tokens(self, image: Tensor, mask: Tensor, layer: int | None = None) -> Tensor:
        """The prior: residual stream entering decoder block `layer`, (B, L, token_dim), row-major.

        image: (B, 3, S, S) RGB in [-1, 1]; mask: (B, 1, S, S), 1 = hole, all 0 = the whole picture is seen;
        layer: 0 to the decoder's depth (that one: after all blocks, before the norm), `token_layer` if None.
        Raises ValueError for other sizes or layers. No later block runs.
        """
        layer = self.token_layer if layer is None else self._layer(layer)
        return self._decode(image, mask, layer)

    def forward(self, image: Tensor, mask: Tensor, dropped: Tensor | None = None) -> Tensor:
        """The whole picture as the network sees it, (B, 3, S, S) around [-1, 1], not clamped, nothing pasted.

        image, mask: as in `tokens`; dropped: (B, L) bool, further patches that are treated as all hole (the
        random drop of training, see mae.loss). Raises ValueError for other sizes.
        """
        if dropped is not None:
            mask = drop_pixels(mask, dropped)
        stream = self._decode(image, mask, len(self.decoder_blocks))
        pixels = self.decoder_pred(self.decoder_norm(stream))
        patch, side = self.patch_size, self.side
        pixels = pixels.reshape(-1, side, side, patch, patch, 3).permute(0, 5, 1, 3, 2, 4)
        pixels = pixels.reshape(-1, 3, self.image_size, self.image_size)
        return torch.addcmul(self.shift, pixels.to(self.shift.dtype), self.scale)

    def hole_patches(self, mask: Tensor) -> Tensor:
        """(B, L) bool: patches with any hole pixel of `mask` (B, 1, S, S)."""
        return self._coverage(mask.to(torch.float32)) > 0

    def _coverage(self, mask: Tensor) -> Tensor:
        cells = mask.reshape(-1, self.side, self.patch_size, self.side, self.patch_size)
        return cells.mean(dim=(2, 4)).flatten(1)

    def _decode(self, image: Tensor, mask: Tensor, layer: int) -> Tensor:
        self._check_sizes(image, mask)
        mask = mask.to(torch.float32)
        coverage = self._coverage(mask)
        hole = coverage > 0
        # Filled, not multiplied: whatever lies under the hole, NaN included, leaves no trace.
        image = ((image - self.shift) / self.scale).masked_fill(mask >= 0.5, 0).to(self.dtype)
        stream = torch.where(
            hole[..., None], self.hole_token(image, mask.to(self.dtype), coverage), self._encode(image, hole)
        )
        stream = stream + self.decoder_pos_embed
        for block in self.decoder_blocks[:layer]:
            stream = block(stream)
        return stream

    def _encode(self, image: Tensor, hole: Tensor) -> Tensor:
        """image (B, 3, S, S) normalised, hole (B, L) -> (B, L, decoder width); no meaning at hole patches."""
        visible = hole.logical_not().sum(dim=1)
        longest = max(int(visible.max()), 1)
        order = hole.to(torch.uint8).argsort(dim=1, stable=True)[:, :longest, None]
        stream = self.patch_embed(image) + self.pos_embed
        stream = stream.gather(1, order.expand(-1, -1, stream.shape[-1]))
        keys = None
        if int(visible.min()) < longest:
            # A picture that is all hole attends to one padding token: no softmax over nothing, and the
            # outcome is replaced by hole tokens in any case.
            slots = torch.arange(longest, device=hole.device)
            keys = (slots < visible.clamp(min=1)[:, None])[:, None, None, :]
        for block in self.blocks:
            stream = block(stream, attn_mask=keys)
        stream = self.decoder_embed(self.norm(stream))
        full = stream.new_zeros(*hole.shape, stream.shape[-1])
        return full.scatter(1, order.expand(-1, -1, stream.shape[-1]), stream)

    def _layer(self, layer: int) -> int:
        if not 0 <= layer <= len(self.decoder_blocks):
            raise ValueError(
                f"The layer is {layer} in {type(self).__name__}, whose decoder has "
                f"{len(self.decoder_blocks)} blocks; give a number from 0 to {len(self.decoder_blocks)}."
            )
        return layer

    def _check_sizes(self, image: Tensor, mask: Tensor) -> None:
        size = (self.image_size, self.image_size)
        for name, value, wanted in (("image", image, (3, *size)), ("mask", mask, (1, *size))):
            if value.ndim != 4 or tuple(value.shape[1:]) != wanted or len(value) != len(image):
                raise ValueError(
                    f"The {name} has shape {tuple(value.shape)} in {type(self).__name__}, which reads "
                    f"(batch, {wanted[0]}, {size[0]}, {size[1]}); resize image and mask to "
                    f"{size[0]} x {size[1]} first."
                )


class MaskedAutoencoder(PlainAutoencoder):
    """The prior of ASUKA: a `PlainAutoencoder` that also reads the known pixels of partly covered patches."""

    hole_token_class = PartialHoleToken


def _start(module: nn.Module) -> None:
    """Initial weights as released: Xavier-uniform linear maps (patch maps flattened), zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))
        nn.init.zeros_(module.bias)
