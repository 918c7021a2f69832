"""Named sizes of the conditional decoder."""

from decoder.model import ConditionalDecoder

PRESETS: dict[str, dict[str, object]] = {
    # Released weights: the decoder of FLUX.1's autoencoder, 60 M parameters with the encoder of the known pixels.
    "asuka": dict(
        latent_channels=16,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=32,
        act_fn="silu",
        mid_block_add_attention=True,
        use_post_quant_conv=False,
    ),
}


def build(preset: str) -> ConditionalDecoder:
    """A freshly initialised network of the size `preset`; `ConditionalDecoder.like` begins one from a VAE instead.

    Raises ValueError for a name not in PRESETS.
    """
    if preset not in PRESETS:
        raise ValueError(f"There is no size '{preset}' in decoder.presets; choose one of {', '.join(PRESETS)}.")
    return ConditionalDecoder(**PRESETS[preset])
