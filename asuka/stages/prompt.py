"""stage=prompt: a learned prompt, by the standard diffusion objective through the frozen base."""

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import Empty, Learned, frozen_prompt
from asuka.decode import Plain
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.cache import LatentCache
from asuka.diffusion.loss import denoising_loss, fixed_losses
from asuka.diffusion.samplers import Concat
from asuka.errors import InputError
from asuka.image import paste
from asuka.methods.diffusion import DiffusionInpainter
from asuka.prompt import LearnedPrompt
from asuka.training.stage import Losses, Stage


class PromptStage(Stage):
    """Trains a LearnedPrompt; the base stays frozen."""

    def __init__(self, base: LatentDiffusion, init: str | None, tokens: int, text: str, seed: int):
        """`tokens` of them, which start as the first ones of `text`; or those of `init`.

        The prompt is what all pictures share: what it gains over the empty text is what knowing the task is worth, and
        no more (the paper's SD-prompt).
        """
        super().__init__()
        if tokens < 1:
            raise InputError(f"stage.tokens={tokens}: a prompt has 1 or more; give another number")
        Concat().fits(base)
        self.base, self.seed = base, seed
        self.reads = {"base": base.fingerprint}
        self.register_buffer("start", base.text_context((text,)).sequence[0], persistent=False)
        if init is None:
            self.trained = LearnedPrompt(tokens, base.context_dim, trained_with=self.reads)
            self.trained.start_as(self.start)
        else:
            self.trained = frozen_prompt(init).requires_grad_(True)
            Learned(self.trained).fits(base)
        self.cache = LatentCache()

    def forward(self, batch: Batch, progress: float) -> Losses:
        latents, context = self.cache(self.base, batch), Context(self.trained(len(batch)))
        return {"loss": denoising_loss(self.base, latents, context, self.seed, batch.visit)}

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        blind = batch.blind()
        sd, prompt = (
            DiffusionInpainter(self.base, choice, Concat(), Plain(), 50, self.seed, 1.0)(blind)
            for choice in (Empty(), Learned(self.trained))
        )
        return {
            "masked": blind.image,
            "sd": paste(batch.image, batch.mask, sd),
            "prompt": paste(batch.image, batch.mask, prompt),
            "truth": batch.image,
        }

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """Denoising loss over the same pictures, holes and noise: with the learned prompt, with the empty text, and
        with the text that the tokens start as."""
        count = sum(map(len, batches))
        contexts = {
            "prompt/learned": Context(self.trained(count)),
            "prompt/null": self.base.null_context(count),
            "prompt/start": Context(self.start.expand(count, -1, -1)),
        }
        return fixed_losses(self.base, batches, contexts)
