"""The decoder that harmonises while decoding, a package of its own (it imports nothing of its peers).

`ConditionalDecoder` is the network; `ConditionalDecoder.like(vae)` begins one from a VAE.
"""

from decoder.model import ConditionalDecoder

__all__ = ["ConditionalDecoder"]
