"""stage=align: the alignment module, by the standard diffusion objective through the frozen base."""

import torch
from torch import Tensor

from asuka.alignment import Alignment
from asuka.batch import Batch
from asuka.condition import Empty, MaePrior, frozen_mae
from asuka.decode import Plain
from asuka.diffusion.base import LatentDiffusion, joined
from asuka.diffusion.cache import LatentCache
from asuka.diffusion.loss import denoising_loss, fixed_losses
from asuka.diffusion.samplers import Concat
from asuka.errors import InputError
from asuka.image import paste
from asuka.methods.diffusion import DiffusionInpainter
from asuka.seeding import rand
from asuka.training.stage import Losses, Stage
from asuka.window import scale


class AlignStage(Stage):
    """Trains an Alignment; base and MAE stay frozen."""

    def __init__(
        self,
        base: LatentDiffusion,
        mae: str,
        variant: str,
        whole_start: float,
        whole_end: float,
        whole_power: float,
        seed: int,
    ):
        """The MAE sees the whole picture with a probability that falls from `whole_start` to `whole_end` as
        (1 - progress)^`whole_power` does (1: a straight line), and the masked one otherwise.

        Where a hole covers an object, the MAE predicts background while the target holds the object; whole pictures
        teach the alignment to be believed, masked ones what a prior looks like (method: p from 100 % to 10 %).
        """
        super().__init__()
        if not (0 <= whole_end <= 1 and 0 <= whole_start <= 1 and whole_power > 0):
            raise InputError(
                f"stage.whole_start={whole_start}, stage.whole_end={whole_end}, stage.whole_power={whole_power}: "
                "the first two are probabilities from 0 to 1, the power is above 0"
            )
        Concat().fits(base)
        self.base, self.seed = base, seed
        self.whole_start, self.whole_end, self.whole_power = whole_start, whole_end, whole_power
        network = frozen_mae(mae)
        self.reads = {"base": base.fingerprint, "mae": network.fingerprint}
        empty, sizes = base.null_context(1), (base.context_dim, variant)
        self.trained = Alignment(network.token_dim, *sizes, trained_with=self.reads, pooled_dim=base.pooled_dim)
        self.trained.start_near(empty.sequence, empty.pooled)
        self.prior = MaePrior(network, self.trained)
        self.cache = LatentCache()

    def whole(self, progress: float) -> float:
        """Probability that the MAE sees the whole picture."""
        return self.whole_end + (self.whole_start - self.whole_end) * (1 - progress) ** self.whole_power

    def forward(self, batch: Batch, progress: float) -> Losses:
        latents = self.cache(self.base, batch)
        whole = rand(self.seed, "whole", batch.visit) < self.whole(progress)
        mask = batch.mask * (~whole).to(batch.mask)[:, None, None, None]
        context = self.prior.context(batch.image, mask)
        return {"loss": denoising_loss(self.base, latents, context, self.seed, batch.visit)}

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        blind = batch.blind()
        small, mask = scale(batch.image, batch.mask, self.prior.mae.config.image_size)
        sd, asuka = (
            DiffusionInpainter(self.base, choice, Concat(), Plain(), 50, self.seed, 1.0)(blind)
            for choice in (Empty(), self.prior)
        )
        return {
            "masked": blind.image,
            "mae": paste(small, mask, self.prior.mae(small, mask).clamp(-1, 1)),
            "sd": paste(batch.image, batch.mask, sd),
            "asuka": paste(batch.image, batch.mask, asuka),
            "truth": batch.image,
        }

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """Denoising loss over the same pictures, holes and noise: with the empty text, the own prior, another
        picture's prior, and the mean of all priors, which carries what priors share and nothing of the picture."""
        blind = [batch.blind() for batch in batches]
        own = joined([self.prior.context(batch.image, batch.mask) for batch in blind])
        count = len(own.sequence)
        contexts = {
            "prior/own": own,
            "prior/null": self.base.null_context(count),
            "prior/other": own.each(lambda part: part.roll(count // 2, 0)),
            "prior/mean": own.each(lambda part: part.mean(0, keepdim=True).expand_as(part)),
        }
        return fixed_losses(self.base, batches, contexts)
