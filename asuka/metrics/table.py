"""Every metric by name: the one place where a new one is entered."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asuka.errors import InputError, nearest
from asuka.image import THRESHOLD, paste
from asuka.metrics import pixel, seam, structure
from asuka.metrics.discriminative import ids
from asuka.metrics.frechet import fid
from asuka.metrics.gradient import edge_gradient
from asuka.metrics.kernel import kid
from asuka.metrics.metric import HIGHER, LOWER, Embed, Rows, Score, SetScore, Space, each
from asuka.metrics.official_ids import official_ids
from asuka.metrics.principal import ids_pca64
from asuka.metrics.whole import renamed

CLIP = "openai/clip-vit-large-patch14"
# (truth, mask, picture) -> picture, all (B, 3, H, W) in [-1, 1].
View = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Protocol:
    """Metrics that belong together, and what they are shown."""

    scores: dict[str, Score]
    spaces: dict[str, Space]
    sets: dict[str, SetScore]
    mask: Callable[[Tensor], Tensor]  # levels in [0, 1], as a mask's file has them -> the mask that metrics get
    views: dict[str, View]  # prefix of the scores' names -> (truth, mask, raw result) -> the picture that is scored
    seen: View  # (truth, mask, what a view gives) -> the picture that features are taken of
    default: tuple[str, ...]  # what is measured where nobody chooses


def _late(module: str, name: str, *given: str) -> Callable[[torch.device], Rows | Embed]:
    """`make` from a module whose libraries take seconds to import: only who asks for the metric should wait."""

    def make(device: torch.device) -> Rows | Embed:
        return getattr(importlib.import_module(f"asuka.metrics.{module}"), name)(*given, device)

    return make


def _ready(module: str, name: str) -> Callable[[torch.device], Rows]:
    """The same for a score that needs no network."""
    return lambda device: getattr(importlib.import_module(f"asuka.metrics.{module}"), name)


# Name of a score that CLIP is read for -> module and function.
BY_CLIP = {
    "clip_whole": ("clip", "clip_whole"),
    "clip_hole": ("clip", "clip_hole"),
    "clip": ("official", "official_clip"),
}


def _by_clip(name: str, weights: str) -> Score:
    return Score(_late(*BY_CLIP[name], weights), HIGHER)


SCORES: dict[str, Score] = {
    "psnr": Score(each(pixel.psnr), HIGHER),
    "hole_psnr": Score(each(pixel.hole_psnr), HIGHER),
    "ssim": Score(each(structure.ssim), HIGHER),
    "hole_ssim": Score(each(structure.hole_ssim), HIGHER),
    "l1": Score(each(pixel.l1), LOWER),
    "hole_l1": Score(each(pixel.hole_l1), LOWER),
    "lpips_alex": Score(_late("perceptual", "distance", "alex"), LOWER, "lpips-alex"),
    "lpips_vgg": Score(_late("perceptual", "distance", "vgg"), LOWER, "lpips-vgg"),
    "edge_gradient": Score(each(edge_gradient), LOWER),
    "seam_de": Score(each(seam.seam_de), None),  # the truth has contrasts of its own
    "excess_seam_de": Score(each(seam.excess_seam_de), LOWER),
    "colour_shift": Score(each(seam.colour_shift), LOWER),
    "known_shift": Score(each(seam.known_shift), LOWER),
    "preservation_max": Score(each(seam.preservation_max), LOWER),
    "preservation_mean": Score(each(seam.preservation_mean), LOWER),
    "hole_de": Score(each(seam.hole_de), LOWER),
    "clip_whole": _by_clip("clip_whole", CLIP),
    "clip_hole": _by_clip("clip_hole", CLIP),
}
SPACES: dict[str, Space] = {
    "inception": Space(_late("inception", "inception_whole"), per_hole=False, reads="inception"),
    "inception_box": Space(_late("inception", "inception_box"), per_hole=True, reads="inception"),
}
FEW = 64  # photographs; of fewer, distances of distributions are mostly their bias
SETS: dict[str, SetScore] = {
    "fid": SetScore("inception", fid, {"fid": LOWER}, FEW),
    "local_fid": SetScore("inception_box", renamed(fid, "local_"), {"local_fid": LOWER}, FEW),
    "kid": SetScore("inception", kid, {"kid": LOWER}, FEW),
    "ids": SetScore("inception", ids, {"u_ids": HIGHER, "p_ids": HIGHER}),
    "ids_pca64": SetScore("inception", ids_pca64, {"u_ids_pca64": HIGHER, "p_ids_pca64": HIGHER}),
}
OFFICIAL_SCORES: dict[str, Score] = {
    "psnr": Score(_ready("official", "official_psnr"), HIGHER),
    "ssim": Score(_ready("official", "official_ssim"), HIGHER),
    "lpips": Score(_late("official", "official_lpips"), LOWER, "lpips-alex"),
    "grad": Score(_ready("official", "official_grad"), LOWER),
    "clip": _by_clip("clip", CLIP),
}
OFFICIAL_SPACES: dict[str, Space] = {
    "inception": Space(
        _late("official_inception", "official_inception"), per_hole=False, reads="inception-torchvision"
    ),
}
OFFICIAL_SETS: dict[str, SetScore] = {
    "fid": SetScore("inception", fid, {"fid": LOWER}, FEW),
    # Their scripts take the resolution of the pictures for the number of directions: one for each of MISATO's sizes.
    "ids_pca512": SetScore("inception", official_ids(512), {"u_ids_pca512": HIGHER, "p_ids_pca512": HIGHER}),
    "ids_pca1024": SetScore("inception", official_ids(1024), {"u_ids_pca1024": HIGHER, "p_ids_pca1024": HIGHER}),
}


def _binary(levels: Tensor) -> Tensor:
    """1 from level 128 of 255 on."""
    return (255 * levels > THRESHOLD - 0.5).to(levels)


def _same(levels: Tensor) -> Tensor:
    return levels


def _as_it_is(truth: Tensor, mask: Tensor, picture: Tensor) -> Tensor:
    return picture


def _default(scores: dict[str, Score], sets: dict[str, SetScore]) -> tuple[str, ...]:
    """All but CLIP, which nobody has until he fetches 1.7 GB."""
    return tuple(name for name in (*scores, *sets) if name not in BY_CLIP)


PROTOCOLS: dict[str, Protocol] = {
    "standard": Protocol(
        scores=SCORES,
        spaces=SPACES,
        sets=SETS,
        mask=_binary,
        views={"": paste, "raw_": _as_it_is},
        seen=_as_it_is,
        default=_default(SCORES, SETS),
    ),
    # What the released ASUKA's scripts compute; each of its metrics makes its own composite of the raw result.
    "official": Protocol(
        scores=OFFICIAL_SCORES,
        spaces=OFFICIAL_SPACES,
        sets=OFFICIAL_SETS,
        mask=_same,
        views={"": _as_it_is},
        seen=paste,  # their rule for features is ours: the result where the level is above 0.5
        default=_default(OFFICIAL_SCORES, OFFICIAL_SETS),
    ),
}


def chosen(name: str, words: Sequence[str] | None, clip: str) -> Protocol:
    """The protocol `name` with the metrics `words` alone (None: its default) and the features that they need.

    `clip` says where CLIP's weights are, as in asuka/metrics/clip.py. InputError, with the nearest name, where there is
    no such protocol or metric.
    """
    _require("protocol", name, list(PROTOCOLS))
    protocol = PROTOCOLS[name]
    wanted = protocol.default if words is None else tuple(words)
    for word in wanted:
        _require("metric", word, [*protocol.scores, *protocol.sets])
    scores = {name: score for name, score in protocol.scores.items() if name in wanted}
    sets = {name: score for name, score in protocol.sets.items() if name in wanted}
    needed = {score.space for score in sets.values()}
    return replace(
        protocol,
        scores={name: _by_clip(name, clip) if name in BY_CLIP else score for name, score in scores.items()},
        spaces={name: space for name, space in protocol.spaces.items() if name in needed},
        sets=sets,
        default=wanted,
    )


def _require(kind: str, word: str, known: list[str]) -> None:
    if word not in known:
        remedy = nearest(word, known, f"choose from {', '.join(known)}")
        raise InputError(f"there is no {kind} '{word}'; {remedy}")
