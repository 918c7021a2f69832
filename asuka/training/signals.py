"""SIGTERM and SIGUSR1, as schedulers send them before they take a machine away: finish the step, save, leave."""

import os
import signal
import threading
import time
from types import FrameType

import torch
from torch import Tensor

# SIGUSR1 is what `sbatch --signal=USR1@120` sends; Windows has none.
NUMBERS = [number for number in (signal.SIGTERM, getattr(signal, "SIGUSR1", None)) if number]
# Launchers pass on what the scheduler has sent to every process already: so soon after it is the same request.
GRACE = 3.0  # seconds


class StopRequest:
    """Within, the first of these signals is a request; another one ends the process at once, as it does outside."""

    def __enter__(self) -> "StopRequest":
        self.heard: float | None = None
        # Python lets the main thread alone listen.
        listening = NUMBERS if threading.current_thread() is threading.main_thread() else []
        self.before = {number: signal.signal(number, self._hear) for number in listening}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def flag(self, device: torch.device) -> Tensor:
        """1 where this process has heard a request, else 0: any sum of them tells whether one did."""
        return torch.tensor(float(self.heard is not None), device=device)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.heard is not None and now - self.heard > GRACE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.heard = self.heard or now
