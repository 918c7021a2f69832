"""LPIPS: distances in AlexNet or VGG16 whose channels are weighted as people judged (Zhang et al. 2018, v0.1)."""

import warnings

import lpips
import torch
from torch import Tensor, nn

from asuka.foreign.reading import read_weights
from asuka.foreign.store import fetch


class Learned(nn.Module):
    """The lpips package's network `net` (alex or vgg), its linear heads from the package, its trunk fetched by us."""

    def __init__(self, net: str) -> None:
        super().__init__()
        self.name = net
        # The caller's random numbers stay as they were, and torchvision's complaint about lpips is none of his.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
            self.lpips = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
        layers = next(value for key, value in read_weights(fetch(f"lpips-{net}")).items() if "LinLayer" not in key)
        self.lpips.net.load_state_dict(_renamed(layers, list(self.lpips.net.state_dict())))
        self.lpips.to(memory_format=torch.channels_last)  # a third faster on a CPU

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """LPIPS of each pair of pictures (B, 3, H, W) in [-1, 1]: (B,). In full precision, as it is published."""
        with torch.autocast(result.device.type, enabled=False):
            pictures = (image.float().contiguous(memory_format=torch.channels_last) for image in (result, truth))
            return self.lpips(*pictures).flatten()

    def train(self, mode: bool = True) -> nn.Module:
        """Stays in evaluation mode, whatever it is a part of: the heads have dropout."""
        return super().train(False)


def _renamed(layers: dict[str, dict], names: list[str]) -> dict[str, Tensor]:
    """Conv_i's kernel (h, w, in, out) and bias under the trunk's names, whose convolutions come in the same order."""
    state = {}
    for number in range(len(layers)):
        layer = layers[f"Conv_{number}"]
        state[names[2 * number]] = torch.from_numpy(layer["kernel"].transpose(3, 2, 0, 1).copy())
        state[names[2 * number + 1]] = torch.from_numpy(layer["bias"].copy())
    return state
