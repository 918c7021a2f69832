"""Named sizes of the masked autoencoder."""

from mae.model import MaskedAutoencoder

PRESETS: dict[str, dict[str, int]] = {
    # Ours, for 2 CPU cores and small data; as many tokens (256) as in the paper, so nothing else differs.
    "tiny": dict(
        image_size=128, patch_size=8, width=128, depth=4, heads=4, decoder_width=96, decoder_depth=4, decoder_heads=4
    ),
    # Paper and released weights: ViT-B/16 at 256.
    "base": dict(
        image_size=256,
        patch_size=16,
        width=768,
        depth=12,
        heads=12,
        decoder_width=512,
        decoder_depth=8,
        decoder_heads=16,
    ),
    # In the released code, without weights.
    "large": dict(
        image_size=256,
        patch_size=16,
        width=1024,
        depth=24,
        heads=16,
        decoder_width=512,
        decoder_depth=8,
        decoder_heads=16,
    ),
}


def build(name: str) -> MaskedAutoencoder:
    """A freshly initialised network of the size `name`. Raises ValueError for a name not in PRESETS."""
    if name not in PRESETS:
        raise ValueError(f"There is no size '{name}' in mae.presets; choose one of {', '.join(PRESETS)}.")
    return MaskedAutoencoder(**PRESETS[name])
