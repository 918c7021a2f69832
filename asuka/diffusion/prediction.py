"""What a diffusion network may have learnt to say of noisy latents, and how clean ones are read off it."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Prediction(NamedTuple):
    """Both ways of one kind; `kept` (B, 1, 1, 1) is the share of the signal, abar (alpha squared)."""

    goal: Callable[[Tensor, Tensor, Tensor], Tensor]  # (truth, noise, kept) -> what it should say
    estimate: Callable[[Tensor, Tensor, Tensor], Tensor]  # (noisy, result, kept) -> the clean latents, if it is right


def _noise(truth: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Ho et al. 2020, eq. 14."""
    return noise


def _without_noise(noisy: Tensor, result: Tensor, kept: Tensor) -> Tensor:
    """Ho et al. 2020, eq. 15."""
    return (noisy - (1 - kept).sqrt() * result) / kept.sqrt()


def _velocity(truth: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Salimans & Ho 2022, appendix D: how noisy latents change with the angle between signal and noise."""
    return kept.sqrt() * noise - (1 - kept).sqrt() * truth


def _turned_back(noisy: Tensor, result: Tensor, kept: Tensor) -> Tensor:
    """Salimans & Ho 2022, appendix D."""
    return kept.sqrt() * noisy - (1 - kept).sqrt() * result


# By the words of a scheduler's `prediction_type`.
PREDICTIONS = {
    "epsilon": Prediction(_noise, _without_noise),
    "v_prediction": Prediction(_velocity, _turned_back),
}
