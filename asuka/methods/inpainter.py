"""What every method is: (blind batch) -> whole pictures; and at which size it sees them."""

from torch import Tensor, nn

from asuka.batch import Batch
from asuka.data.made import Made


class Inpainter(nn.Module):
    """Called with a blind batch on the method's device, it returns whole pictures (B, 3, H, W), finite, in [-1, 1].

    `side`: pictures are cut into square windows of so many pixels around their holes (asuka.window); None: it takes
    whole pictures of any size. A result depends on the picture, its hole, its name, its caption and the method's own
    knobs: never on what lies in the hole or on its neighbours in the batch.
    """

    side: int | None = None
    seed: int | None = None  # of its noise; None where it draws none

    def among(self, pairs: Made) -> None:
        """Told before it fills any of them: the whole set that is measured. InputError where it cannot do with it."""

    def mark(self, name: str) -> str:
        """What, besides its weights and knobs, the result of that name depends on: a hash of it, or nothing."""
        return ""

    def forward(self, batch: Batch) -> Tensor:
        raise NotImplementedError
