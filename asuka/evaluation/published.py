"""Numbers that others published, to stand beside ours where protocol and data are theirs."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from asuka.evaluation.finished import Finished

DECIMALS = 3  # that every number was published with
MASKS = Path(__file__).parents[2] / "conf" / "masks"
PAPER = "arXiv 2312.04831 (CVPR 2025), Table 1"
RELEASE = "the README of the released FLUX model"


@dataclass(frozen=True)
class Published:
    """A published table, and what an evaluation must be for its numbers to compare."""

    source: str
    option: dict[str, Any]  # the data's word and knobs, as a manifest has them
    pairs: int
    masks: str | None  # option of the holes; None where the data bring their own
    keys: tuple[str, ...]  # as the protocol calls them
    rows: dict[str, tuple[float, ...]]  # method -> a number for each key

    def fits(self, run: Finished) -> bool:
        """Whether an evaluation is of the same protocol (the released scripts'), data and holes."""
        same = (run.about["protocol"], run.option, len(run.names)) == ("official", self.option, self.pairs)
        return same and (self.masks is None or all(_drawn(line["mask"], self.masks) for line in run.manifest.values()))


def _drawn(mask: dict[str, Any], option: str) -> bool:
    """Whether a manifest's hole was drawn by an option of conf/masks."""
    return (mask.get("kind"), mask.get("knobs")) == _generator(option)


@cache
def _generator(option: str) -> tuple[str, dict[str, float]]:
    """Class and knobs of an option of conf/masks."""
    knobs = yaml.safe_load((MASKS / f"{option}.yaml").read_text())
    return knobs.pop("_target_").rpartition(".")[2], knobs


MISATO, PLACES2 = {"data": "misato"}, {"data": "places2", "size": 512}
SHORT = ("lpips", "fid", "u_ids", "p_ids")
LONG = ("psnr", "ssim", "lpips", "grad", "fid", "u_ids", "p_ids")
PUBLISHED = (
    Published(
        source=PAPER,
        option=MISATO,
        pairs=2000,
        masks=None,
        keys=SHORT,
        rows={
            "Co-Mod-GAN": (0.179, 17.421, 0.243, 0.109),
            "MAT": (0.176, 17.261, 0.255, 0.122),
            "LaMa": (0.155, 15.436, 0.260, 0.135),
            "MAE-FAR": (0.142, 13.283, 0.282, 0.153),
            "SD 1.5 inpainting, no text": (0.168, 12.812, 0.345, 0.211),
            'SD-text ("background")': (0.164, 12.603, 0.337, 0.207),
            "SD-prompt": (0.160, 12.517, 0.331, 0.204),
            "SD-Repaint": (0.227, 27.861, 0.016, 0.007),
            "ASUKA": (0.150, 11.460, 0.368, 0.256),
        },
    ),
    Published(
        source=PAPER,
        option=PLACES2,
        pairs=36500,
        masks="paper",
        keys=SHORT,
        rows={
            "Co-Mod-GAN": (0.267, 5.794, 0.274, 0.096),
            "MAT": (0.202, 3.765, 0.348, 0.195),
            "LaMa": (0.202, 6.693, 0.247, 0.050),
            "MAE-FAR": (0.174, 3.559, 0.307, 0.105),
            "SD 1.5 inpainting, no text": (0.193, 1.514, 0.375, 0.207),
            'SD-text ("background")': (0.191, 1.506, 0.373, 0.202),
            "SD-prompt": (0.189, 1.477, 0.390, 0.234),
            "SD-Repaint": (0.251, 12.466, 0.217, 0.045),
            "ASUKA": (0.183, 1.230, 0.413, 0.287),
        },
    ),
    Published(
        source=RELEASE,
        option=MISATO,
        pairs=2000,
        masks=None,
        keys=LONG,
        rows={
            "FLUX Fill": (22.194, 0.798, 0.156, 69.428, 12.170, 0.353, 0.194),
            "ASUKA (FLUX)": (22.329, 0.805, 0.141, 52.925, 11.011, 0.405, 0.260),
        },
    ),
    Published(
        source=RELEASE,
        option=MISATO,
        pairs=1500,
        masks=None,
        keys=LONG,
        rows={
            "FLUX Fill": (22.583, 0.823, 0.165, 48.871, 15.106, 0.245, 0.128),
            "ASUKA (FLUX)": (22.602, 0.826, 0.149, 34.390, 13.503, 0.311, 0.185),
        },
    ),
)
