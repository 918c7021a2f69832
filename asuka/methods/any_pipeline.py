"""method=any_pipeline: any inpainting pipeline of diffusers, as its makers ship it."""

import inspect
from pickle import UnpicklingError

import torch
from diffusers import AutoPipelineForInpainting
from safetensors import SafetensorError
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.errors import InputError, said
from asuka.loading import check_finite
from asuka.methods.inpainter import Inpainter
from asuka.methods.padding import padded
from asuka.seeding import generator

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class AnyPipeline(Inpainter):
    """One picture at a time, at its own size: mirrored to the pipeline's multiple and cut again, never resized.

    Its scheduler and whatever else is not a knob here are those that it was saved with; known pixels may come back
    changed, as it changes them.
    """

    def __init__(
        self, path: str | None, prompt: str, steps: int, guidance: float, side: int | None, dtype: str, seed: int
    ):
        """`path`: a folder in diffusers' layout, or a repository of the hub.

        prompt: read where a picture has no caption. side: pixels of the square windows it sees; None: whole pictures.
        Noise is a function of `seed` and the picture's name. InputError where diffusers finds no such pipeline.
        """
        super().__init__()
        if path is None:
            raise InputError("method.path: any_pipeline needs one; give a folder in diffusers' layout, or user/name")
        if dtype not in DTYPES:
            raise InputError(f"method.dtype={dtype}: choose one of {', '.join(DTYPES)}")
        try:
            self.pipeline = AutoPipelineForInpainting.from_pretrained(path, dtype=DTYPES[dtype])
        except (OSError, ValueError, RuntimeError, UnpicklingError, SafetensorError) as error:
            cause = said(error)
            raise InputError(
                f"method.path={path}: diffusers makes no inpainting pipeline of it ({cause}); give a folder in its "
                "layout, or user/name on the hub"
            ) from error
        self.prompt, self.steps, self.guidance, self.side, self.seed = prompt, steps, guidance, side, seed
        self.pipeline.set_progress_bar_config(disable=True)
        if getattr(self.pipeline, "safety_checker", None) is not None:
            # It answers with a black picture, which would be counted as a fill.
            self.pipeline.register_modules(safety_checker=None)
        # Registered, so that they go where the method goes.
        self.parts = nn.ModuleDict(
            {name: part for name, part in self.pipeline.components.items() if isinstance(part, nn.Module)}
        )
        for part in self.parts.values():
            check_finite(f"method.path={path}", part)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        height, width = batch.image.shape[-2:]
        whole = padded(batch, self.pipeline.image_processor.config.vae_scale_factor)
        rows = [self._row(whole.take([row])) for row in range(len(batch))]
        return torch.cat(rows)[..., :height, :width].to(batch.image).clamp(-1, 1)

    def _row(self, batch: Batch) -> Tensor:
        """One picture (1, 3, H, W) in about [-1, 1]."""
        # A share of the noise below 1 would start from what fills the hole, here grey.
        full = {"strength": 1.0} if "strength" in inspect.signature(self.pipeline.__call__).parameters else {}
        result = self.pipeline(
            prompt=batch.caption[0] or self.prompt,
            image=(batch.image + 1) / 2,
            mask_image=batch.mask,
            height=batch.image.shape[-2],
            width=batch.image.shape[-1],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=generator(self.seed, "any_pipeline", batch.name[0]),
            output_type="pt",
            **full,
        )
        return result.images * 2 - 1
