"""What the released ASUKA's scripts compute FID and IDS from: torchvision's Inception on the middle of a picture.

They do not compare with FID and IDS as others publish them: the network was trained otherwise and sees less.
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
