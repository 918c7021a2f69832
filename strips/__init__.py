"""Large pictures through an autoencoder strip by strip: the same picture in less memory, and no seam.

A package of its own (it imports nothing of its peers). `encode` and `decode` stand for those of an `AutoencoderKL` of
diffusers, `finish` is the part of a decoder behind its middle, `Rows` what they are made of.
"""

from strips.autoencoder import decode, encode, finish, small
from strips.rows import Rows

__all__ = ["Rows", "decode", "encode", "finish", "small"]
