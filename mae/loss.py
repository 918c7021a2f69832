"""What the masked autoencoder is trained on: which patches are dropped, and the loss over the hole.

A training step (released code, "finetune" form; the caller owns the optimiser):

    hole = model.hole_patches(mask)                                  # (B, L) bool
    dropped = random_drop(hole, torch.rand(hole.shape), 0.75)        # (B, L) bool
    result = model(image, mask, dropped)                             # (B, 3, H, W)
    loss = reconstruction_loss(image, result, drop_pixels(mask, dropped)).mean()
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Colour space of the released network (ImageNet statistics of RGB in [0, 1]); the loss is measured in it too.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def reconstruction_loss(truth: Tensor, result: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the hole, one number per image.

    truth, result: (B, 3, H, W) in [-1, 1]; mask: (B, 1, H, W), 1 = hole, grey values weigh.
    Returns (B,) float32: sum(error * mask) / sum(mask) over pixels and channels, the error in
    ImageNet-normalised colours (the released code's space, so its numbers compare); 0 where there is no hole.
    The released code divides once for the whole batch, so that large holes outweigh small ones; here every
    image has its own quotient and the caller averages.
    """
    weight = mask.to(torch.float32)
    error = F.mse_loss(result.float(), truth.float(), reduction="none")
    channels = (error * weight).sum(dim=(2, 3))
    # A difference in [-1, 1] is twice one in [0, 1]; the mean cancels. Scaled last, when it is three numbers.
    scale = 2 * torch.tensor(IMAGENET_STD, device=truth.device)
    return (channels / scale**2).sum(dim=1) / (3 * weight.sum(dim=(1, 2, 3))).clamp(min=1e-6)


def random_drop(hole: Tensor, noise: Tensor, ratio: float) -> Tensor:
    """Choose the patches that the encoder does not see: every hole patch, then random ones up to `ratio`.

    hole: (B, L) bool, True where a patch holds any hole pixel; noise: (B, L), uniform in [0, 1);
    ratio: share of all patches to drop, 0 to 1. Returns (B, L) bool, True = dropped.
    As in the released code (noise + hole, clamped to 1, lowest kept) but for one case: where hole patches
    alone exceed `ratio`, the release keeps some of them, and so shows the truth; here no hole patch is kept.
    Raises ValueError for a ratio outside [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"The drop ratio is {ratio} in mae.loss.random_drop; give a number from 0 to 1.")
    keep = int(hole.shape[1] * (1 - ratio))
    order = (noise + hole.to(noise.dtype)).clamp(max=1).argsort(dim=1)
    dropped = torch.ones_like(hole, dtype=torch.bool).scatter(1, order[:, :keep], False)
    return dropped | hole


def drop_pixels(mask: Tensor, dropped: Tensor) -> Tensor:
    """Grow a pixel mask by dropped patches: the mask that the loss of a training step is taken over.

    mask: (B, 1, H, W), 1 = hole; dropped: (B, L) bool, row-major square grid. Returns (B, 1, H, W): hole
    patches keep their pixels' mask, other dropped patches are 1 throughout (released code, "new pixel mask").
    Raises ValueError where the grid does not divide the mask.
    """
    side = round(dropped.shape[1] ** 0.5)
    height, width = mask.shape[-2:]
    if side * side != dropped.shape[1] or height % side or width % side:
        raise ValueError(
            f"{dropped.shape[1]} patches do not tile a mask of {height} x {width} in mae.loss.drop_pixels; "
            "give one flag per patch of a square grid."
        )
    grid = dropped.view(-1, 1, side, 1, side, 1)
    cells = mask.reshape(-1, 1, side, height // side, side, width // side)
    holed = cells.amax(dim=(3, 5), keepdim=True) > 0
    return torch.where(grid & ~holed, torch.ones_like(cells), cells).reshape(mask.shape)
