"""Networks that nobody trained in the files of those that metrics fetch: right in shape and layout, and quick to have.

What holds whatever the weights are can be tested with them; that the real ones give published numbers is tested in
test_metric_weights.py.
"""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

# Channels out, channels in and side of the kernels of AlexNet (Krizhevsky 2014) and VGG16.
ALEX = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))
WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG = tuple((outs, ins, 3) for ins, outs in zip(WIDTHS, WIDTHS[1:], strict=False))


def lpips(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Both trunks of LPIPS, for the time of `patch`."""
    rng = np.random.default_rng(0)
    for net, kernels in (("alex", ALEX), ("vgg", VGG)):
        layers = {f"Conv_{number}": _layer(rng, *kernel) for number, kernel in enumerate(kernels)}
        write_trunk(folder / f"{net}.ckpt", layers)
        patch.setenv(f"ASUKA_WEIGHTS_LPIPS_{net.upper()}", str(folder / f"{net}.ckpt"))


def write_trunk(file: Path, layers: dict[str, dict[str, np.ndarray]]) -> None:
    """Kernels (h, w, in, out) and biases as the fetched files hold them."""
    file.write_bytes(pickle.dumps({"Trunk_0": layers, "NetLinLayer_0": {}}, protocol=3))


def inception(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The Inception of 2015, under its names and without its head."""
    rng, state = torch.Generator().manual_seed(0), {}
    for number, shape in enumerate(_convolutions()):
        draws = torch.randn(shape, generator=rng)
        state |= {
            f"{number}.weight": draws * (2 / draws[0].numel()) ** 0.5,
            f"{number}.beta": 0.1 * torch.randn(shape[0], generator=rng),
            f"{number}.mean": torch.zeros(shape[0]),
            f"{number}.var": torch.ones(shape[0]),
        }
    torch.save(state, folder / "inception.pt")
    patch.setenv("ASUKA_WEIGHTS_INCEPTION", str(folder / "inception.pt"))


def clip(folder: Path, size: int = 32) -> Path:
    """A whole CLIP at toy size with both its halves, as transformers saves it."""
    torch.manual_seed(0)
    sides = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    text = sides | dict(vocab_size=50, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    config = CLIPConfig(
        text_config=text, vision_config=sides | dict(patch_size=8, image_size=size, projection_dim=8), projection_dim=8
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": size}, crop_size=size).save_pretrained(folder)
    return folder


def _layer(rng: np.random.Generator, outs: int, ins: int, side: int) -> dict[str, np.ndarray]:
    kernel = rng.standard_normal((side, side, ins, outs), np.float32) * np.float32((2 / (side * side * ins)) ** 0.5)
    return {"kernel": kernel, "bias": np.full(outs, 0.01, np.float32)}


def _convolutions() -> list[torch.Size]:
    """Shapes of Inception's kernels, in order."""
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    state = _Shapes("shapes", ["2048"], empty).state_dict()
    return [value.shape for name, value in state.items() if name.endswith(".conv.weight")]


class _Shapes(FeatureExtractorInceptionV3):
    def load_state_dict(self, state_dict: dict[str, Tensor], strict: bool = True, assign: bool = False) -> object:
        return None
