"""A running average of the weights: what is shown, measured and written."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class Ema:
    """Averages a module's parameters; early steps forget faster, so that short runs are not stuck at the start."""

    def __init__(self, module: nn.Module, decay: float):
        self.module, self.decay = module, decay
        self.average = AveragedModel(module, multi_avg_fn=self._blend)

    def update(self) -> None:
        self.average.update_parameters(self.module)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within, the module holds the average and is in eval mode."""
        theirs = {name: value.clone() for name, value in self.module.state_dict().items()}
        modes = {name: part.training for name, part in self.module.named_modules()}
        self.module.load_state_dict(self.average.module.state_dict())
        self.module.eval()
        try:
            yield
        finally:
            self.module.load_state_dict(theirs)
            for name, part in self.module.named_modules():
                part.training = modes[name]

    def state_dict(self) -> dict[str, Tensor]:
        return self.average.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.average.load_state_dict(state)

    @torch.no_grad()
    def _blend(self, average: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        decay = min(self.decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(average, current, 1 - decay)
