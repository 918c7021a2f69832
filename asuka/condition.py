"""What the hole should contain: (base, batch) -> context."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from asuka.alignment import Alignment
from asuka.batch import Batch
from asuka.data.made import Made
from asuka.data.others import Others
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.errors import InputError
from asuka.image import to_tensor
from asuka.loading import load
from asuka.prompt import LearnedPrompt
from asuka.registry import fingerprint, locate, require
from asuka.window import scale
from mae import MaskedAutoencoder

ALONE = (
    "condition=other takes its prior from another picture of a set that is measured, and here is no set; give one to "
    "python -m asuka.evaluate, or take condition=mae"
)


class Condition(nn.Module):
    """(base, batch) -> context."""

    def __init__(self) -> None:  # nn.Module's own would take any argument
        super().__init__()

    def fits(self, base: LatentDiffusion) -> None:
        """InputError where this condition was trained for another base; most were trained for none."""

    def parts(self) -> dict[str, nn.Module]:
        """The networks that it brings along, by their name in a pipeline's folder."""
        return {}

    def among(self, pairs: Made) -> None:
        """As asuka.methods.inpainter.Inpainter's; most read nothing of it."""

    def mark(self, name: str) -> str:
        """As asuka.methods.inpainter.Inpainter's."""
        return ""


class Empty(Condition):
    """The context of the empty text: Stable Diffusion inpainting without a prompt."""

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        return base.null_context(len(batch))


class Caption(Condition):
    """The context of each picture's own caption."""

    def __init__(self, text: str):
        """`text` is read where a picture has no caption."""
        super().__init__()
        self.text = text

    def fits(self, base: LatentDiffusion) -> None:
        if not base.reads_text:
            raise InputError("condition=caption wants a base with a text encoder; give condition=empty or mae")

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        return base.text_context(tuple(caption or self.text for caption in batch.caption))


class Learned(Condition):
    """The context of a learned prompt, the same for every picture."""

    def __init__(self, prompt: LearnedPrompt):
        super().__init__()
        self.prompt = prompt

    def fits(self, base: LatentDiffusion) -> None:
        require("prompt", self.prompt.config.trained_with, {"base": base.fingerprint})

    def parts(self) -> dict[str, nn.Module]:
        return {"prompt": self.prompt}

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        return Context(self.prompt(len(batch)))


class MaePrior(Condition):
    """ASUKA's prior: MAE tokens of the known pixels, aligned to the base's cross-attention."""

    def __init__(self, mae: MaskedAutoencoder, alignment: Alignment):
        super().__init__()
        self.mae, self.alignment = mae, alignment

    def fits(self, base: LatentDiffusion) -> None:
        trained = self.alignment.config.trained_with
        require("align", {"base": trained["base"]}, {"base": base.fingerprint})

    def parts(self) -> dict[str, nn.Module]:
        return {"mae": self.mae, "alignment": self.alignment}

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        with torch.no_grad():
            tokens = _alone(self.mae.tokens, self.mae, batch)
        return self._context(tokens)

    def context(self, image: Tensor, mask: Tensor) -> Context:
        """The context of a picture (B, 3, H, W) in [-1, 1] whose hole is `mask` (B, 1, H, W)."""
        with torch.no_grad():
            tokens = self.mae.tokens(*scale(image, mask, self.mae.config.image_size))
        return self._context(tokens)

    def _context(self, tokens: Tensor) -> Context:
        return Context(self.alignment(tokens), self.alignment.pool(tokens))

    def picture(self, batch: Batch) -> Tensor:
        """What the MAE thinks of a batch: (B, 3, S, S) in [-1, 1] at its own size."""
        return thought(self.mae, batch)


class Other(MaePrior):
    """The control of ASUKA's prior: that of another photograph of the set, under this picture's own hole.

    Which one is a function of `seed` and the picture's name (asuka.data.others). It is shown at the size of the window
    that is filled, all of its central square: where the window is the whole picture, as in any benchmark at the base's
    own size, that is what `condition=mae` would be shown of it under this hole.
    """

    def __init__(self, mae: MaskedAutoencoder, alignment: Alignment, seed: int):
        super().__init__(mae, alignment)
        self.seed = seed
        self._others: Others | None = None

    def parts(self) -> dict[str, nn.Module]:
        """InputError: with these parts a pipeline would show the MAE each picture itself."""
        raise InputError(ALONE)

    def among(self, pairs: Made) -> None:
        """InputError where they are of a single photograph."""
        self._others = Others(pairs, self.seed)

    def mark(self, name: str) -> str:
        """The hash of the other photograph."""
        return self._known().mark(name)

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        """InputError, naming it, where another photograph cannot be read, and where there is no set."""
        others, side = self._known(), batch.image.shape[-1]
        images = torch.stack([to_tensor(others.picture(name, side)) for name in batch.name])
        return super().forward(base, replace(batch, image=images.to(batch.image)).blind())

    def _known(self) -> Others:
        if self._others is None:
            raise InputError(ALONE)
        return self._others


def aligned(weights: str, mae: str) -> MaePrior:
    """`condition=mae`: the trained alignment and the MAE it was trained with, from folders or `tiny`."""
    network, folder = frozen_mae(mae), locate(weights, "align")
    alignment = load(Alignment, folder).float().eval().requires_grad_(False)
    if alignment.config.trained_with is None:
        raise InputError(f"{folder}: does not say which base and MAE it was trained with; train it with stage=align")
    require("align", {"mae": alignment.config.trained_with["mae"]}, {"mae": network.fingerprint})
    return MaePrior(network, alignment)


def other(weights: str, mae: str, seed: int) -> Other:
    """`condition=other`: the same parts as `condition=mae`; `seed` decides whose prior stands for whose."""
    prior = aligned(weights, mae)
    return Other(prior.mae, prior.alignment, seed)


def learned(weights: str) -> Learned:
    """`condition=learned`: the prompt of a folder that stage=prompt wrote, or `tiny`."""
    return Learned(frozen_prompt(weights))


def frozen_prompt(weights: str) -> LearnedPrompt:
    """A trained prompt from a folder or `tiny`, in float32. InputError where it does not say for which base."""
    folder = locate(weights, "prompt")
    prompt = load(LearnedPrompt, folder).float().eval().requires_grad_(False)
    if prompt.config.trained_with is None:
        raise InputError(f"{folder}: does not say which base it was trained with; train it with stage=prompt")
    return prompt


@torch.no_grad()
def thought(mae: MaskedAutoencoder, batch: Batch) -> Tensor:
    """What an MAE thinks of a batch: (B, 3, S, S) in [-1, 1] at its own size."""
    return _alone(mae, mae, batch).clamp(-1, 1)


def _alone(call: Callable[[Tensor, Tensor], Tensor], mae: MaskedAutoencoder, batch: Batch) -> Tensor:
    """What a call of the MAE gives for every picture by itself, side by side: in a batch the MAE pads to the picture
    that shows most, and the others' last bits would depend on it."""
    image, mask = scale(batch.image, batch.mask, mae.config.image_size)
    return torch.cat([call(*row) for row in zip(image.split(1), mask.split(1), strict=True)])


def frozen_mae(weights: str) -> MaskedAutoencoder:
    """A trained MAE from a folder or `tiny`, in float32; `fingerprint` is the hash of its weights."""
    folder = locate(weights, "mae")
    mae = load(MaskedAutoencoder, folder).float().eval().requires_grad_(False)
    mae.fingerprint = fingerprint(folder)
    return mae
