"""The decoder that harmonises while decoding, a package of its own (of its peers it imports `strips` alone).

`ConditionalDecoder` is the network, `ConditionalDecoder.like(vae)` begins one from a VAE, and `ConditionalVae` puts
one into a pipeline of diffusers.
"""

from decoder.model import ConditionalDecoder
from decoder.vae import ConditionalVae

__all__ = ["ConditionalDecoder", "ConditionalVae"]
