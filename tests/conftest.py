"""Toy parts for tests: the real classes, small and untrained, in folders as the stages write them."""

import os
import warnings
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from PIL import Image
from safetensors.torch import load_file
from standins import ToyLama
from toy_flux import shake, write_toy_flux
from toy_stable import write_toy_stable

from asuka.alignment import Alignment
from asuka.config import CONF, register
from asuka.data.synthetic import Synthetic
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.tiny import build_scheduler, build_text_encoder, build_tokenizer, build_unet, build_vae
from asuka.image import save
from asuka.prompt import LearnedPrompt
from asuka.registry import fingerprint
from asuka.stages.base import export_base
from decoder import ConditionalDecoder
from mae import MaskedAutoencoder

register()

# Toy sizes: a second thread costs more than it brings, here and in the commands that tests start.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).parents[1]
STAGES = sorted(path.stem for path in Path(CONF, "stage").glob("*.yaml"))
# What makes each stage small and lets it read toy parts; every test over all stages builds them so.
SMALL = {
    "vae": ["stage.channels=[8,8,8,8]", "stage.crop=32"],
    "base": ["stage.channels=[16,16,16]", "stage.vae={toy}/base/vae"],
    "mae": ["stage.init={toy}/mae"],
    "align": ["base.weights={toy}/base", "stage.mae={toy}/mae"],
    "prompt": ["base.weights={toy}/base", "stage.init={toy}/prompt"],
    "decoder": ["base.weights={toy}/base", "stage.align={toy}/align", "stage.mae={toy}/mae", "stage.crop=32"],
}


def arguments(stage: str, toy: Path, run_dir: Path, *more: str) -> list[str]:
    """A stage at toy size: six steps of four pictures."""
    loop = "steps=6 batch=4 warmup=2 workers=0 save_every=2 preview_every=100 previews=2 validations=4 log_every=1"
    small = [argument.format(toy=toy) for argument in SMALL[stage]]
    return [f"stage={stage}", f"run_dir={run_dir}", *small, *(f"loop.{knob}" for knob in loop.split()), *more]


def composed(root: str, *overrides: str) -> DictConfig:
    """The configuration that `python -m asuka.ROOT overrides…` gets; outside Hydra's `main` a run has no own name."""
    named = any(word.startswith("run_dir=") for word in overrides) or root == "inpaint"
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose(root, [*overrides, *([] if named else ["run_dir=runs/test"])])


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's weights folder."""
    files = sorted((run_dir / "weights").rglob("*.safetensors"))
    return {f"{file.parent.name}/{name}": value for file in files for name, value in load_file(file).items()}


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with base/, mae/, align/, decoder/, prompt/, lama.pt, three of FLUX, and text/, a Stable Diffusion of 4
    channels: untrained, with noise on every weight so that nothing is zero."""
    folder = tmp_path_factory.mktemp("toy")
    torch.manual_seed(0)
    tokenizer = build_tokenizer(Synthetic(count=50).train.captions())
    vae = build_vae((8, 8, 8, 8))
    unet, text_encoder = build_unet((16, 16, 16), vae), build_text_encoder(tokenizer)
    base = StableDiffusion(vae, unet, text_encoder, tokenizer, build_scheduler())
    mae = MaskedAutoencoder(
        image_size=128, patch_size=8, width=32, depth=2, heads=2, decoder_width=16, decoder_depth=2, decoder_heads=2
    )
    for module in (base, mae):
        shake(module)
    export_base(base, folder / "base")
    mae.save_pretrained(folder / "mae")
    hashes = {part: fingerprint(folder / part) for part in ("base", "mae")}
    alignment = Alignment(mae.token_dim, base.context_dim, trained_with=hashes)
    shake(alignment)
    alignment.save_pretrained(folder / "align")
    decoder = ConditionalDecoder.like(vae, trained_with={"vae": fingerprint(folder / "base/vae")})
    shake(decoder)
    decoder.save_pretrained(folder / "decoder")
    prompt = LearnedPrompt(8, base.context_dim, trained_with={"base": hashes["base"]})
    shake(prompt)
    prompt.save_pretrained(folder / "prompt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # files of this kind are what there is
        torch.jit.script(ToyLama()).save(folder / "lama.pt")
    # Results, by the names of what tests/test_methods.py fills.
    for name, colour in (("one", "green"), ("two", "red"), ("three", "blue"), ("other", "green")):
        save(Image.new("RGB", (131, 97), colour), folder / f"results/{name}.png")
    write_toy_flux(folder, mae, hashes["mae"])
    write_toy_stable(folder / "text", 4)
    return folder


@pytest.fixture(autouse=True)
def fresh_accelerator() -> None:
    """Every test may choose its own precision: accelerate keeps one state for a whole process."""
    AcceleratorState._reset_state(reset_partial_state=True)
