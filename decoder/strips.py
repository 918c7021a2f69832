"""Large pictures through diffusers' autoencoders, layer by layer in strips: the same picture in less memory, no seam.

At the size of the picture such a network holds several maps of a hundred channels and more. In strips it holds two,
and the widest never as a whole. The middle and its attention, at the size of the latents, are computed as ever.
"""

from collections.abc import Callable

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import Decoder, Encoder
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_2d_blocks import DownEncoderBlock2D, UpDecoderBlock2D
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor

from decoder.rows import Rows

WHOLE = 512 * 512  # pixels of a picture that is taken whole
# The map that a level of the decoder, or at last its end, would read -> the one that it shall read.
Enter = Callable[[Rows], Rows]


def small(network: Encoder | Decoder, height: int, width: int) -> bool:
    """Whether a picture of so many pixels goes through an encoder or decoder whole: it is no larger than WHOLE, there
    are gradients to keep, or the network has levels of another kind than Stable Diffusion's and FLUX's."""
    levels = network.down_blocks if isinstance(network, Encoder) else network.up_blocks
    known = all(type(level) in (DownEncoderBlock2D, UpDecoderBlock2D) for level in levels)
    return height * width <= WHOLE or torch.is_grad_enabled() or not known


@apply_forward_hook
def encode(vae: AutoencoderKL, image: Tensor) -> Tensor:
    """The mean of the posterior (B, C, h, w) of pictures (B, 3, H, W)."""
    if small(vae.encoder, *image.shape[-2:]) or vae.use_tiling:
        return vae.encode(image).latent_dist.mean
    network = vae.encoder
    stream = Rows.of(image).convolved(network.conv_in).kept()
    for level in network.down_blocks:
        for block in level.resnets:
            stream = _block(block, stream)
        for layer in level.downsamplers or ():
            stream = stream.convolved(layer.conv, 1 - layer.padding).kept()
    middle = network.mid_block(stream.stored)
    moments = network.conv_out(network.conv_act(network.conv_norm_out(middle)))
    moments = moments if vae.quant_conv is None else vae.quant_conv(moments)
    return moments.chunk(2, dim=1)[0]


@apply_forward_hook
def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) of unscaled latents (B, C, h, w)."""
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    if small(vae.decoder, *(factor * side for side in latents.shape[-2:])) or vae.use_tiling:
        return vae.decode(latents).sample
    latents = latents if vae.post_quant_conv is None else vae.post_quant_conv(latents)
    return finish(vae.decoder, vae.decoder.mid_block(vae.decoder.conv_in(latents)), lambda stream: stream)


def finish(network: Decoder, middle: Tensor, enter: Enter) -> Tensor:
    """What a decoder makes, (B, 3, H, W), of what its middle wrote; `middle` is overwritten."""
    stream = Rows.of(middle)
    for number, level in enumerate(network.up_blocks):
        stream = enter(stream)
        if number + 1 < len(network.up_blocks):  # the last one's is the widest of all, and never stored
            stream = stream.kept()
        for block in level.resnets:
            stream = _block(block, stream)
        for layer in level.upsamplers or ():
            stream = stream.doubled().convolved(layer.conv)
    stream = enter(stream)
    return stream.normed(network.conv_norm_out, network.conv_act).convolved(network.conv_out).kept().stored


def _block(block: ResnetBlock2D, stream: Rows) -> Rows:
    """After a residual block; a stored stream of the same width is overwritten."""
    hidden = stream.normed(block.norm1, block.nonlinearity).convolved(block.conv1).kept()
    hidden = hidden.normed(block.norm2, block.nonlinearity).convolved(block.conv2)
    beside = stream if block.conv_shortcut is None else stream.convolved(block.conv_shortcut)
    return beside.plus(hidden, block.output_scale_factor).into(beside.stored)
