"""What every option of a method must be told to be built small and from toy parts: the one table of it."""

from pathlib import Path

import torch
import yaml
from torch import Tensor, nn

from asuka.config import CONF

FEW = ["method.steps=3"]
# An option without a row fails every test that discovers options; [] needs nothing.
STANDINS = {
    "method/any_pipeline": ["method.path={toy}/base", "method.steps=2"],
    "method/asuka": FEW,
    "method/asuka_other": FEW,
    "method/blended": FEW,
    "method/folder": ["method.path={toy}/results"],
    "method/img2img": FEW,
    "method/lama": ["method.weights={toy}/lama.pt"],
    "method/mae_only": ["method.mae={toy}/mae"],
    "method/opencv": [],
    "method/sd": FEW,
    "method/sd_prompt": FEW,
    "method/sd_repaint": FEW,
    "method/sd_text": FEW,
    "method/condition/caption": [],
    "method/condition/empty": [],
    "method/condition/learned": ["method.condition.weights={toy}/prompt"],
    "method/condition/mae": ["method.condition.weights={toy}/align", "method.condition.mae={toy}/mae"],
    "method/condition/other": ["method.condition.weights={toy}/align", "method.condition.mae={toy}/mae"],
    "method/decode/conditional": ["method.decode.weights={toy}/decoder"],
    "method/decode/plain": [],
    "method/sampler/blended": [],
    "method/sampler/concat": [],
    "method/sampler/img2img": ["method.sampler.mae={toy}/mae"],
    "method/sampler/repaint": ["method.sampler.jump_length=1", "method.sampler.jump_count=2"],
}


def axes(name: str) -> dict[str, str]:
    """Axis -> option of a method's option file: {condition: mae, …}; {} where it has none."""
    shown = yaml.safe_load(Path(CONF, "method", f"{name}.yaml").read_text())
    return {axis: option for entry in shown.get("defaults", []) if entry != "_self_" for axis, option in entry.items()}


def stand_in(words: str, toy: Path) -> list[str]:
    """A command line's `method=… method/axis=…` with all that these options, named or brought along, must be told."""
    chosen = dict(word.split("=", 1) for word in words.split())
    options = {f"method/{axis}": option for axis, option in axes(chosen["method"]).items()} | chosen
    missing = [f"{group}/{option}" for group, option in options.items() if f"{group}/{option}" not in STANDINS]
    assert not missing, f"give {', '.join(missing)} a row in tests/standins.py"
    told = [argument for group, option in options.items() for argument in STANDINS[f"{group}/{option}"]]
    return [*words.split(), f"base.weights={toy}/base", *(argument.format(toy=toy) for argument in told)]


class ToyLama(nn.Module):
    """Called as the published TorchScript is: (picture in [0, 1], mask, 1 = hole) -> picture, sides multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 3, 8, stride=8)
        self.back = nn.ConvTranspose2d(3, 3, 8, stride=8)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        assert image.size(2) % 8 == 0 and image.size(3) % 8 == 0
        assert image.min() >= 0 and image.max() <= 1
        seen = torch.cat([image * (1 - mask), mask], dim=1)
        return mask * torch.sigmoid(self.back(self.layer(seen))) + (1 - mask) * image
