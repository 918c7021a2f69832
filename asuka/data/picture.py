"""One captioned picture, as every data set hands it over."""

from typing import NamedTuple

import numpy as np


class Picture(NamedTuple):
    """A picture with what is known of it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    caption: str  # empty where there is none
    name: str
