"""What a pipeline is made of: the parts of a base and of ASUKA, loaded, saved and moved as diffusers does."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiffusionPipeline, UNet2DConditionModel
from torch import nn

from asuka.alignment import Alignment
from asuka.assembly import assembled, folder_of
from asuka.condition import Condition, Empty, Learned, MaePrior
from asuka.decode import Conditional, Plain
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.networks import NETWORKS
from asuka.diffusion.samplers import Concat, Sampler
from asuka.errors import InputError, said
from asuka.loading import load
from asuka.methods.diffusion import DiffusionInpainter
from asuka.prompt import LearnedPrompt
from asuka.registry import kind_of
from decoder import ConditionalDecoder
from mae import MaskedAutoencoder

OURS = {"mae": MaskedAutoencoder, "alignment": Alignment, "decoder": ConditionalDecoder, "prompt": LearnedPrompt}
# Options of diffusers that change how a network is read; then diffusers reads it.
THEIRS = ("device_map", "quantization_config")


class Parts(DiffusionPipeline):
    """The parts, and the method that they make; a saved folder also opens as a StableDiffusionInpaintPipeline.

    `push_to_hub`, `to`, `enable_model_cpu_offload` and the progress bar are those of diffusers.
    """

    model_cpu_offload_seq = "text_encoder->prompt->alignment->unet->vae->decoder"
    _exclude_from_cpu_offload = ["mae"]  # asked for its tokens, not called: the hooks of diffusers would not see it
    _optional_components = ["mae", "alignment", "decoder", "prompt"]

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
        prompt: LearnedPrompt | None = None,
        fingerprints: dict[str, str] | None = None,
        steps: int = 50,
        seed: int = 0,
        prior_scale: float = 1.0,
    ):
        """The parts of a base, of the prior or the learned prompt, and of the decoder, where there are such.

        fingerprints: what base, vae and mae were when others were trained with them (asuka.registry.fingerprint).
        steps, seed, prior_scale: the knobs of a call that gives none (asuka.methods.diffusion).
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
            prompt=prompt,
        )
        self.register_to_config(fingerprints=fingerprints or {}, steps=steps, seed=seed, prior_scale=prior_scale)
        for part in self.components.values():
            if isinstance(part, nn.Module):
                part.eval().requires_grad_(False)
        self.condition: Condition = Empty()  # what is read where there is neither prior nor learned prompt
        self.sampler: Sampler = Concat()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path = "tiny", **options: object) -> "Parts":
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
        kind = kind_of(index)
        if kind != cls.__name__:
            raise InputError(f"{folder} holds a {kind} and no {cls.__name__}; give a folder that save_pretrained wrote")
        networks = _networks(folder, index, dtype, options)
        try:
            return super().from_pretrained(folder, dtype=dtype, **networks, **options)
        except (OSError, ValueError) as error:
            cause = said(error)
            raise InputError(f"{folder}: no pipeline can be read there ({cause}); give it as it was saved") from error

    @classmethod
    def of(cls, method: DiffusionInpainter) -> "Parts":
        """The pipeline of a method that is built already; its knobs are the defaults of a call."""
        base = method.base
        if base.process != "diffusion":
            raise InputError(
                f"a pipeline holds the parts of a Stable Diffusion, and this base is a {base.process}; call the method "
                "itself with a blind batch, or python -m asuka.inpaint"
            )
        parts = {**method.sampler.parts(), **method.condition.parts(), **method.decode.parts()}
        marks = {"base": base.fingerprint, "vae": base.vae_fingerprint}
        if "mae" in parts:
            marks["mae"] = parts["mae"].fingerprint
        core = (base.vae, base.text_encoder, base.tokenizer, base.unet, base.scheduler)
        knobs = {"steps": method.steps, "seed": method.seed, "prior_scale": method.prior_scale}
        pipeline = cls(*core, **parts, fingerprints=marks, **knobs)
        pipeline.condition, pipeline.sampler = method.condition, method.sampler
        return pipeline

    def save_pretrained(self, save_directory: str | Path, **options: object) -> None:
        """A folder that `from_pretrained` makes the same pipeline of; options as in diffusers.

        InputError where the method has something that is no part, such as captions or another sampler.
        """
        for what, own, kept in (
            ("condition", self.condition, (Empty, Learned, MaePrior)),
            ("sampler", self.sampler, (Concat,)),
        ):
            if not isinstance(own, kept):
                raise InputError(
                    f"the {what} is {type(own).__name__}, which has no weights to be saved; save a pipeline with "
                    "method=asuka or method=sd"
                )
        super().save_pretrained(save_directory, **options)

    def method(self, steps: int | None, seed: int | None, prior_scale: float | None) -> DiffusionInpainter:
        """The method of the parts as they are now: a user may have put others in their places."""
        if not isinstance(self.scheduler, DDIMScheduler):
            raise InputError(
                f"the scheduler is a {type(self.scheduler).__name__}, and only DDIM is drawn by; give DDIM"
            )
        base = StableDiffusion(self.vae, self.unet, self.text_encoder, self.tokenizer, self.scheduler)
        marks = self.config.fingerprints
        base.fingerprint, base.vae_fingerprint = marks.get("base", ""), marks.get("vae", "")
        steps, most = self.config.steps if steps is None else steps, self.scheduler.config.num_train_timesteps
        if not 1 <= steps <= most:
            raise InputError(f"num_inference_steps={steps}: give a number from 1 to {most}, the steps of the training")
        return DiffusionInpainter(
            base,
            self._condition(),
            self.sampler,
            Plain() if self.decoder is None else Conditional(self.decoder),
            steps,
            self.config.seed if seed is None else seed,
            self.config.prior_scale if prior_scale is None else prior_scale,
        )

    def _condition(self) -> Condition:
        if self.alignment is not None:
            return MaePrior(self.mae, self.alignment)
        return self.condition if self.prompt is None else Learned(self.prompt)


def _networks(folder: Path, index: Path, dtype: torch.dtype, options: dict[str, object]) -> dict[str, nn.Module]:
    """The networks of a saved pipeline that the caller gives none for, read strictly: diffusers would warn of a missing
    weight and draw it at random. InputError where one is not whole."""
    if any(options.get(word) for word in THEIRS):
        return {}
    saved, kinds = json.loads(index.read_text()), {**NETWORKS, **OURS}
    wanted = [name for name in kinds if name not in options and saved.get(name, [None])[0] is not None]
    return {name: load(kinds[name], folder / name, dtype, options.get("variant")).eval() for name in wanted}
