"""The front door: photos and masks of any size in, filled photos out."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import Caption, MaePrior
from asuka.errors import InputError, InputWarning
from asuka.fill import Fill, Method, Record, fill
from asuka.hole import MaskReader
from asuka.jobs import Job, jobs_of, keyed
from asuka.methods.diffusion import DiffusionInpainter
from asuka.parts import Parts
from asuka.paste import PASTES, Paste, exact
from asuka.photo import FORMATS, Pictures, Source
from asuka.ranking import Candidate, ranked
from asuka.window import unscale

# (pipeline, number of the step, its time, {"latents": …}) -> a dict that may hold other latents; as in diffusers.
Callback = Callable[["AsukaPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Filled:
    """What a call returns, one entry per picture."""

    images: Pictures
    records: list[Record]
    ranking: list[list[Candidate]]  # all that were drawn, best first


class AsukaPipeline(Parts):
    """Fills holes in photos: windows around the hole, the method at its size, paste. Known pixels stay.

    What it is made of, and how that is loaded and saved: asuka.parts.
    """

    def __call__(
        self,
        image: Source | Sequence[Source],
        mask_image: Source | Sequence[Source] | None = None,
        prompt: str | Sequence[str] = "",
        num_inference_steps: int | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        seed: int | None = None,
        names: str | Sequence[str] | None = None,
        prior_scale: float | None = None,
        num_candidates: int = 1,
        paste: str = "exact",
        feather: int = 8,
        hole: str = "white",
        dilate: int = 0,
        fill_holes: bool = False,
        resize_mask: bool = False,
        batch_size: int = 1,
        output_type: str = "pil",
        callback_on_step_end: Callback | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> Filled:
        """Photos and their masks -> the photos with their holes filled: same sizes, 8-bit RGB(A), upright.

        image, mask_image: paths, PIL images, arrays or tensors (asuka.photo), one or a list, of any sizes; one mask
            may serve all. With hole=alpha masks may be left out: what is transparent is hole, and gets opaque.
        prompt: read only where the condition is the caption.
        num_inference_steps, seed, prior_scale: the method's own if None (asuka.methods.diffusion).
        generator: one for all pictures in turn, or one each, in place of seed and name.
        names: noise is a function of seed and name; if None the file's stem, or a hash of the pixels.
        num_candidates: so many are drawn, with seed, seed + 1, …, and the best of each picture is returned
            (asuka.ranking).
        paste: `exact`, known pixels stay; `feather`, and a step of colour fades out over `feather` pixels inside the
            hole; `none`, the windows as the model redraws them.
        hole, dilate, fill_holes, resize_mask: what of a mask is hole (asuka.hole.MaskReader).
        batch_size: windows at a time; at equal batch size results are equal to the byte.
        output_type: `pil`; `np`, (H, W, C) in [0, 1]; `pt`, (C, H, W); stacked where all have one shape.
        InputError for what cannot be worked with; InputWarning for what is odd.
        """
        check_words(paste, output_type, callback_on_step_end_tensor_inputs, feather + 1, batch_size, num_candidates)
        jobs = jobs_of(image, mask_image, prompt, names, MaskReader(hole, dilate, fill_holes, resize_mask))
        method = self.method(num_inference_steps, seed, prior_scale)
        if any(job.caption for job in jobs) and not isinstance(method.condition, Caption):
            warnings.warn("the prompt is not read; only condition=caption reads one", InputWarning, stacklevel=2)
        draw = partial(self._draw, method, callback_on_step_end, tuple(callback_on_step_end_tensor_inputs))
        rounds = []
        for number in range(method.seed, method.seed + num_candidates):
            method.seed = number if generator is None else 0
            drawn = [replace(job, seed=number) for job in jobs] if generator is None else keyed(jobs, generator)
            rounds.append(self._fill(draw, drawn, PASTES[paste], feather, batch_size))
        imagine = num_candidates > 1 and self.mae is not None
        priors = self._fill(self._imagine, jobs, exact, 0, batch_size) if imagine else [None] * len(jobs)
        self.maybe_free_model_hooks()
        ranking = [ranked(*entry) for entry in zip(jobs, zip(*rounds, strict=True), priors, strict=True)]
        best = [candidates[0] for candidates in ranking]
        return Filled(FORMATS[output_type]([one.image for one in best]), [one.record for one in best], ranking)

    def prior(
        self,
        image: Source | Sequence[Source],
        mask_image: Source | Sequence[Source] | None = None,
        hole: str = "white",
        dilate: int = 0,
        fill_holes: bool = False,
        resize_mask: bool = False,
    ) -> list[Image.Image]:
        """What the MAE thinks: the photos with its blurred reconstruction in the holes. Arguments as in a call."""
        if self.mae is None:
            raise InputError("this pipeline has no MAE, so there is no prior to show; load one that has")
        jobs = jobs_of(image, mask_image, "", None, MaskReader(hole, dilate, fill_holes, resize_mask))
        fills = self._fill(self._imagine, jobs, exact, 0, 1)
        self.maybe_free_model_hooks()
        return [job.photo.image(one.pixels) for job, one in zip(jobs, fills, strict=True)]

    def _fill(self, method: Method, jobs: list[Job], manner: Paste, width: int, batch_size: int) -> list[Fill]:
        size = self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)
        return fill(method, jobs, size, manner, width, batch_size)

    def _draw(
        self, method: DiffusionInpainter, callback: Callback | None, inputs: Sequence[str], batch: Batch
    ) -> Tensor:
        """One batch by the method, under a progress bar, with the callback after every step."""
        with self.progress_bar(total=method.calls) as bar:

            def seen(number: int, step: Tensor, latents: Tensor) -> Tensor:
                bar.update()
                if callback is None:
                    return latents
                return callback(self, number, step, dict.fromkeys(inputs, latents)).get("latents", latents)

            return method(batch.to(self._execution_device, self._precision()), seen)

    def _precision(self) -> torch.dtype:
        """That of the parts outside of the base, which casts by itself."""
        outside = (self.decoder, self.alignment, self.prompt, self.mae)
        return next((part.dtype for part in outside if part is not None), torch.float32)

    def _imagine(self, batch: Batch) -> Tensor:
        """What the MAE thinks of a batch, at the batch's size."""
        prior = MaePrior(self.mae, self.alignment)
        picture = prior.picture(batch.to(self._execution_device, self.mae.dtype))
        return unscale(picture.float(), batch.image.shape[-1])


def check_words(paste: str, output_type: str, inputs: Sequence[str], *counts: int) -> None:
    """InputError for words that are not known and for counts below 1."""
    if paste not in PASTES or output_type not in FORMATS or set(inputs) - {"latents"} or min(counts) < 1:
        raise InputError(
            f"paste={paste}, output_type={output_type}, callback_on_step_end_tensor_inputs={list(inputs)}: paste is "
            f"one of {', '.join(PASTES)}, output_type of {', '.join(FORMATS)}, the inputs are latents or none; "
            "batch_size and num_candidates are at least 1, and feather at least 0"
        )
