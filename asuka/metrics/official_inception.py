"""The numbers for a whole set as the released ASUKA's scripts compute them, in features of torchvision's Inception.

They do not compare with FID and IDS as others publish them: the network is trained otherwise, and sees the middle of a
picture only.
"""

import torch
from PIL import Image
from torch import Tensor
from torchvision.models import Inception_V3_Weights, inception_v3

from asuka.foreign.reading import read_weights
from asuka.foreign.store import fetch
from asuka.image import to_uint8
from asuka.metrics.metric import Embed
from asuka.metrics.region import require_finite


def official_inception(device: torch.device) -> Embed:
    """Embed of whole pictures, 2048 features: short side to 342, the middle 299 x 299, ImageNet's mean and deviation.

    InputError where the weights cannot be had.
    """
    state = read_weights(fetch("inception-torchvision"))
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
        network = inception_v3(weights=None, transform_input=True, init_weights=False)
    network.load_state_dict(state)
    network.fc = torch.nn.Identity()
    network.requires_grad_(False).eval().to(device)
    prepare = Inception_V3_Weights.IMAGENET1K_V1.transforms()

    def embed(image: Tensor, mask: Tensor) -> Tensor:
        require_finite(image)
        # Pillow's resize and torch's own differ by a grey level, and the features by a twentieth of their spread.
        ready = [prepare(Image.fromarray(to_uint8(picture))) for picture in image]
        with torch.autocast(image.device.type, enabled=False):
            return network(torch.stack(ready).to(image.device))

    return embed


def official_fid(real: Tensor, result: Tensor, photo: Tensor) -> dict[str, float]:
    """A Reduce: Fréchet distance of the features of results and of their photographs, one for each result.

    Heusel et al. 2017, eq. 6, in double precision; the trace of the root is found as a sum of singular values, exact
    also where there are fewer pictures than features.
    """
    one, other = real[photo].double(), result.double()
    distance = (one.mean(0) - other.mean(0)).square().sum()
    roots = [torch.linalg.qr((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5, mode="r").R for rows in (one, other)]
    spread = sum(root.square().sum() for root in roots) - 2 * torch.linalg.matrix_norm(roots[0] @ roots[1].T, "nuc")
    return {"fid": (distance + spread).item()}


def reduced(rows: Tensor, size: int) -> Tensor:
    """Rows (N, K) in double precision along the `size` directions in which they differ most: (N, size), centred."""
    centred = rows.double() - rows.double().mean(0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, -size:]
