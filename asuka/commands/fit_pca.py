"""What scripts/fit_pca.py does."""

import argparse
import hashlib
import importlib.metadata
from collections.abc import Iterator

import torch
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from asuka.data.folder import Folder, Photos
from asuka.disk import growing
from asuka.errors import InputError
from asuka.metrics.inception import inception

LAYER, DIRECTIONS = 2048, 64
SIDE, BATCH = 128, 32


def fit(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    photos = Folder(options.photos, val=options.photos, size=SIDE, dev=0).val
    if len(photos) <= DIRECTIONS:
        raise InputError(
            f"{len(photos)} photographs in {options.photos}: they span no {DIRECTIONS} directions; give more"
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    features = torch.cat(list(_features(photos, device)))
    mean, axes, share = principal(features, DIRECTIONS)
    _save(options, {"mean": mean.float(), "axes": axes.float()}, _provenance(photos, share))
    print(f"{options.out}: {DIRECTIONS} directions of {len(photos)} photographs hold {share:.1%} of the variance")


def principal(features: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Mean (K,), `count` principal directions (count, K), widest first, of rows (N, K), and their share of variance.

    In float64; of the two signs of a direction, the one whose largest entry is positive.
    """
    rows = features.double()
    mean = rows.mean(0)
    variances, directions = torch.linalg.eigh((rows - mean).T @ (rows - mean))
    axes = directions[:, -count:].T.flip(0)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    return mean, axes * largest.sign(), (variances[-count:].sum() / variances.sum()).item()


@torch.no_grad()
def _features(photos: Photos, device: torch.device) -> Iterator[Tensor]:
    network = inception(LAYER).to(device)
    with tqdm(total=len(photos), unit="picture") as bar:
        for start in range(0, len(photos), BATCH):
            squares = [photos.centre(index).image for index in range(start, min(start + BATCH, len(photos)))]
            images = torch.stack([torch.tensor(square).permute(2, 0, 1) for square in squares])
            yield network(images.to(device)).cpu()
            bar.update(len(squares))


def _provenance(photos: Photos, share: float) -> dict[str, str]:
    return {
        "photographs": f"a folder of {len(photos):,} photographs",
        "names": f"sha256 {hashlib.sha256(chr(10).join(photos.names).encode()).hexdigest()[:16]}",
        "pictures": f"central squares, bicubic, {SIDE} x {SIDE}, uint8",
        "features": f"torch-fidelity's Inception of 2015-12-05, layer {LAYER}",
        "variance": f"{share:.4f} of all",
        "command": "scripts/fit_pca.py PHOTOS --out FILE",
        "torch": importlib.metadata.version("torch"),
    }


def _save(options: argparse.Namespace, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with growing(options.out) as half:
        save_file({name: value.contiguous() for name, value in tensors.items()}, half, metadata=metadata)
