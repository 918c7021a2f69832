"""Spectra of decoded pictures: filters with a known answer come out as they are."""

import math

import pytest
import torch
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.spectrum import frequencies, relative_log_amplitude

MASK = torch.zeros(2, 1, 32, 48)


@pytest.fixture
def truth() -> Tensor:
    """Noise with every amplitude at 0.15: none is so near 0 that 8 bits could not show it."""
    waves = torch.fft.fft2(torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(0)), norm="ortho")
    return torch.fft.ifft2(0.15 * waves / waves.abs(), norm="ortho").real


def test_a_filter_comes_out_as_it_is(truth: Tensor) -> None:
    """What lies at 8 rings or more of 1/32 cycles per pixel is halved."""
    down, across = torch.fft.fftfreq(32), torch.fft.fftfreq(48)
    ring = ((down[:, None] ** 2 + across**2).sqrt() * 32).round()
    result = torch.fft.ifft2(torch.fft.fft2(truth) * torch.where(ring >= 8, 0.5, 1.0)).real
    rows = relative_log_amplitude(truth, MASK, result)
    assert rows.shape == (2, len(frequencies(32, 48))) == (2, 17)
    assert frequencies(32, 48)[[0, 8, 16]].tolist() == [0, 0.25, 0.5]
    assert rows[:, :8].abs().max() < 1e-4
    assert (rows[:, 8:] - math.log(0.5)).abs().max() < 1e-4


def test_neither_brightness_nor_place_matters(truth: Tensor) -> None:
    darker = 0.7 * (truth + 1) - 1
    for result in (truth, darker, truth.roll((5, 9), (2, 3))):
        assert relative_log_amplitude(truth, MASK, result).abs().max() < 1e-4


def test_flat_pictures_have_finite_spectra(truth: Tensor) -> None:
    black = torch.full_like(truth, -1)
    assert relative_log_amplitude(black, MASK, black).abs().max() == 0
    assert relative_log_amplitude(truth, MASK, black).isfinite().all()
    truth[1, 0, 0, 0] = math.nan
    with pytest.raises(InputError, match="picture 1 of a batch of 2 holds values that are not finite"):
        relative_log_amplitude(black, MASK, truth)
