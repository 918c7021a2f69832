"""The Inception network that FID and its relatives are defined on, the port of 2015-12-05."""

import io
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from asuka.errors import InputError
from asuka.foreign.reading import read_weights
from asuka.foreign.store import fetch
from asuka.metrics.box import of_boxes
from asuka.metrics.metric import Embed
from asuka.metrics.region import levels

LAYERS = (64, 192, 768, 2048)
HEAD = (1008, 2048)  # classes, width


def inception(layer: int) -> nn.Module:
    """torch-fidelity's network up to the layer of that width: 2048 is the one that scores are published with.

    Called with pictures uint8 (B, 3, H, W) of any size it returns (B, layer) in float32; frozen, always in evaluation
    mode. InputError for any other layer: the weights come without the head, so there are no classes and no Inception
    Score.
    """
    if layer not in LAYERS:
        raise InputError(
            f"inception layer {layer}: the weights end before the classes, so there is no Inception Score; "
            f"choose one of {', '.join(map(str, LAYERS))}"
        )
    return _Inception(layer)


def inception_whole(device: torch.device) -> Embed:
    """Embed of whole pictures: rounded to 8 bits, 2048 features each. The mask is not looked at."""
    network = _shared(device)
    return lambda image, mask: network(levels(image))


def inception_box(device: torch.device) -> Embed:
    """Embed of the hole's bounding box, squared where there is room: what Local FID is computed from."""
    network = _shared(device)
    return lambda image, mask: of_boxes(levels(image), mask, network)


@lru_cache(maxsize=1)
def _shared(device: torch.device) -> nn.Module:
    """One network for whole pictures and boxes."""
    return inception(2048).requires_grad_(False).to(device)


class _Inception(nn.Module):
    def __init__(self, layer: int) -> None:
        super().__init__()
        foreign = io.BytesIO()
        torch.save(read_weights(fetch("inception")), foreign)  # it takes a file only, and would load ours unsafely
        foreign.seek(0)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
            self.network = _Headless("inception", [str(layer)], foreign)
        self.network.to(memory_format=torch.channels_last)  # nearly twice as fast on a CPU

    def forward(self, image: Tensor) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            return self.network(image)[0]

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)


class _Headless(FeatureExtractorInceptionV3):
    """torch-fidelity's class, which can also load the weights as others name them."""

    def load_state_dict(self, state_dict: dict[str, Tensor], strict: bool = True, assign: bool = False) -> object:
        return super().load_state_dict(_renamed(state_dict, list(self.state_dict())), strict, assign)


def _renamed(foreign: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """The 94 convolutions come in torch-fidelity's order; a norm there has no scale, and there is no head."""
    ours = [name.removesuffix(".conv.weight") for name in names if name.endswith(".conv.weight")]
    theirs = [name.removesuffix(".weight") for name in foreign if name.endswith(".weight")]
    state = {"fc.weight": torch.zeros(HEAD), "fc.bias": torch.zeros(HEAD[0])}
    for our, their in zip(ours, theirs, strict=True):
        variance = foreign[f"{their}.var"]
        state |= {
            f"{our}.conv.weight": foreign[f"{their}.weight"],
            f"{our}.bn.weight": torch.ones_like(variance),
            f"{our}.bn.bias": foreign[f"{their}.beta"],
            f"{our}.bn.running_mean": foreign[f"{their}.mean"],
            f"{our}.bn.running_var": variance,
            f"{our}.bn.num_batches_tracked": torch.tensor(0),
        }
    return state
