"""The front door: photos and masks of any size in, filled photos out."""

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn

from asuka.alignment import Alignment
from asuka.assembly import assembled, folder_of
from asuka.batch import Batch
from asuka.condition import Caption, Condition, Empty, MaePrior
from asuka.decode import Conditional, Plain
from asuka.diffusion.base import LatentDiffusion
from asuka.errors import InputError, InputWarning
from asuka.fill import Fill, Method, Record, fill
from asuka.hole import MaskReader
from asuka.jobs import Job, jobs_of, keyed
from asuka.methods.diffusion import DiffusionInpainter
from asuka.paste import PASTES, Paste, exact
from asuka.photo import FORMATS, Pictures, Source
from asuka.ranking import Candidate, ranked
from asuka.window import unscale
from decoder import ConditionalDecoder
from mae import MaskedAutoencoder

# (pipeline, number of the step, its time, {"latents": …}) -> a dict that may hold other latents; as in diffusers.
Callback = Callable[["AsukaPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Filled:
    """What a call returns, one entry per picture."""

    images: Pictures
    records: list[Record]
    ranking: list[list[Candidate]]  # all that were drawn, best first


class AsukaPipeline(DiffusionPipeline):
    """Fills holes in photos: windows around the hole, the method at its size, paste. Known pixels stay.

    Saving, loading, `push_to_hub`, `to`, `enable_model_cpu_offload` and the progress bar are those of diffusers.
    """

    model_cpu_offload_seq = "text_encoder->alignment->unet->vae->decoder"
    _exclude_from_cpu_offload = ["mae"]  # asked for its tokens, not called: the hooks of diffusers would not see it
    _optional_components = ["mae", "alignment", "decoder"]

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: nn.Module,
        tokenizer: object,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        mae: MaskedAutoencoder | None = None,
        alignment: Alignment | None = None,
        decoder: ConditionalDecoder | None = None,
        fingerprints: dict[str, str] | None = None,
    ):
        """The parts of a base, of the prior and of the decoder, where there are such.

        fingerprints: what base, vae and mae were when others were trained with them (asuka.registry.fingerprint).
        """
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            mae=mae,
            alignment=alignment,
            decoder=decoder,
        )
        self.register_to_config(fingerprints=fingerprints or {})
        for part in self.components.values():
            if isinstance(part, nn.Module):
                part.eval().requires_grad_(False)
        self.condition: Condition = Empty()  # what is read where there is no prior
        self.steps, self.seed, self.prior_scale = 50, 0, 1.0

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path = "tiny", **options: object) -> "AsukaPipeline":
        """The embedded ASUKA (`tiny`), one from a folder, or one from a repository of the hub (`user/name`).

        A folder is one that `save_pretrained` wrote, or one that holds base/, mae/, align/ and perhaps decoder/ as the
        stages write them. options: those of diffusers; float32 unless `torch_dtype` (or `dtype`) says otherwise.
        InputError where there is no such pipeline.
        """
        dtype = options.pop("torch_dtype", None) or options.pop("dtype", None) or torch.float32
        folder = folder_of(str(pretrained_model_name_or_path), options)
        index = folder / cls.config_name
        if not index.exists():
            pipeline = cls.of(assembled(folder))
            return pipeline if dtype == torch.float32 else pipeline.to(dtype)
        kind = json.loads(index.read_text()).get("_class_name")
        if kind != cls.__name__:
            raise InputError(f"{folder} holds a {kind} and no {cls.__name__}; give a folder that save_pretrained wrote")
        return super().from_pretrained(folder, dtype=dtype, **options)

    @classmethod
    def of(cls, method: DiffusionInpainter) -> "AsukaPipeline":
        """The pipeline of a method that is built already; its knobs are the defaults of a call."""
        base, parts = method.base, {**method.condition.parts(), **method.decode.parts()}
        marks = {"base": base.fingerprint, "vae": base.vae_fingerprint}
        if "mae" in parts:
            marks["mae"] = parts["mae"].fingerprint
        core = (base.vae, base.text_encoder, base.tokenizer, base.unet, base.scheduler)
        pipeline = cls(*core, **parts, fingerprints=marks)
        pipeline.condition = method.condition
        pipeline.steps, pipeline.seed, pipeline.prior_scale = method.steps, method.seed, method.prior_scale
        return pipeline

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
        _check(paste, output_type, callback_on_step_end_tensor_inputs, feather + 1, batch_size, num_candidates)
        jobs = jobs_of(image, mask_image, prompt, names, MaskReader(hole, dilate, fill_holes, resize_mask))
        method = self._method(num_inference_steps, seed, prior_scale)
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

    def _method(self, steps: int | None, seed: int | None, prior_scale: float | None) -> DiffusionInpainter:
        """The method of the parts as they are now: a user may have put others in their places."""
        if not isinstance(self.scheduler, DDIMScheduler):
            raise InputError(
                f"the scheduler is a {type(self.scheduler).__name__}, and only DDIM is drawn by; give DDIM"
            )
        base = LatentDiffusion(self.vae, self.unet, self.text_encoder, self.tokenizer, self.scheduler)
        marks = self.config.fingerprints
        base.fingerprint, base.vae_fingerprint = marks.get("base", ""), marks.get("vae", "")
        steps = self.steps if steps is None else steps
        if not 1 <= steps <= self.scheduler.config.num_train_timesteps:
            raise InputError(f"num_inference_steps={steps}: give a number from 1 to those that were trained, 1000")
        return DiffusionInpainter(
            base,
            self.condition if self.mae is None else MaePrior(self.mae, self.alignment),
            Plain() if self.decoder is None else Conditional(self.decoder),
            steps,
            self.seed if seed is None else seed,
            self.prior_scale if prior_scale is None else prior_scale,
        )

    def _fill(self, method: Method, jobs: list[Job], manner: Paste, width: int, batch_size: int) -> list[Fill]:
        size = self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)
        return fill(method, jobs, size, manner, width, batch_size)

    def _draw(
        self, method: DiffusionInpainter, callback: Callback | None, inputs: Sequence[str], batch: Batch
    ) -> Tensor:
        """One batch by the method, under a progress bar, with the callback after every step."""
        with self.progress_bar(total=method.steps) as bar:

            def seen(number: int, step: Tensor, latents: Tensor) -> Tensor:
                bar.update()
                if callback is None:
                    return latents
                return callback(self, number, step, dict.fromkeys(inputs, latents)).get("latents", latents)

            return method(batch.to(self._execution_device, self.unet.dtype), seen)

    def _imagine(self, batch: Batch) -> Tensor:
        """What the MAE thinks of a batch, at the batch's size."""
        prior = MaePrior(self.mae, self.alignment)
        picture = prior.picture(batch.to(self._execution_device, self.mae.dtype))
        return unscale(picture.float(), batch.image.shape[-1])


def _check(paste: str, output_type: str, inputs: Sequence[str], *counts: int) -> None:
    """InputError for words that are not known and for counts below 1."""
    if paste not in PASTES or output_type not in FORMATS or set(inputs) - {"latents"} or min(counts) < 1:
        raise InputError(
            f"paste={paste}, output_type={output_type}, callback_on_step_end_tensor_inputs={list(inputs)}: paste is "
            f"one of {', '.join(PASTES)}, output_type of {', '.join(FORMATS)}, the inputs are latents or none; "
            "batch_size and num_candidates are at least 1, and feather at least 0"
        )
