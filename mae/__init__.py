"""Masked autoencoder: the image prior of ASUKA, a package of its own (it imports nothing of its peers).

`MaskedAutoencoder` is the network, `PlainAutoencoder` its form without partial patches (random-patch
pre-training).
"""

from mae.model import MaskedAutoencoder, PlainAutoencoder

__all__ = ["MaskedAutoencoder", "PlainAutoencoder"]
