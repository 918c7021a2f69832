"""The whole tiny stack in one resumable command: vae, base, mae (patches, then continuous holes), align, decoder,
prompt.

    python scripts/build_tiny.py PHOTOS [--budget cpu|gpu|toy] [--run-dir runs/tiny] [--install]

PHOTOS is a folder of photographs, with a captions.csv (path,caption) where there are captions; drawn scenes are mixed
in. Every stage is one `python -m asuka.train` command, printed before it runs; interrupted, the same command goes on
where it was. Weights go to RUN_DIR/ship as fp16; --install puts them in the place of the embedded ones.
"""

import argparse
import importlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from asuka.options import run
from asuka.registry import ASSETS, fingerprint


@dataclass(frozen=True)
class Leg:
    """One training: a stage, where it runs, what it needs, and where its weights belong in the shipped folder."""

    name: str
    stage: str
    ships: str
    arguments: tuple[str, ...]


ASUKA = ("base.weights={ship}/base", "stage.align={ship}/align", "stage.mae={ship}/mae")
LEGS = (
    Leg("vae", "vae", "base/vae", ("data.share=0.2",)),
    Leg("base", "base", "base", ("data.share=0.3", "stage.vae={ship}/base/vae")),
    Leg("mae-patches", "mae", "mae-patches", ("data.share=0.3", "masks=patches", "stage.drop=0")),
    Leg("mae", "mae", "mae", ("data.share=0.3", "stage.init={ship}/mae-patches", "stage.drop=0.25")),
    Leg("align", "align", "align", ("data.share=0.5", "base.weights={ship}/base", "stage.mae={ship}/mae")),
    Leg("decoder", "decoder", "decoder", ("data.share=0.3", *ASUKA)),
    Leg("prompt", "prompt", "prompt", ("data.share=0.5", "base.weights={ship}/base")),
)

# Steps, batch and peak learning rate of each leg, and where latents come again. The CPU's fit two cores and five hours;
# small batches, for what counts there is the number of steps (experiments/003-tiny). The GPU's are 3.5 million visits,
# what 14 loader processes can draw and decode in 20 minutes at 3,000 a second; they are planned, not measured.
BUDGETS = {
    "cpu": {
        "vae": "loop.steps=6000 loop.batch=8 loop.lr=1.5e-3",
        "base": "loop.steps=12000 loop.batch=32 loop.lr=1e-3 loop.warmup=200 loop.distinct=12288",
        "mae-patches": "loop.steps=800 loop.batch=64 loop.lr=1.5e-3",
        "mae": "loop.steps=8000 loop.batch=32 loop.lr=1e-3",
        "align": "loop.steps=800 loop.batch=16 loop.lr=2e-3 loop.distinct=4096",
        "decoder": "loop.steps=5000 loop.batch=8 loop.lr=1e-3 loop.distinct=8192",
        "prompt": "loop.steps=800 loop.batch=16 loop.lr=2e-3 loop.distinct=4096",
    },
    "gpu": {
        "vae": "loop.steps=5000 loop.batch=128 loop.lr=2e-3",
        "base": "loop.steps=6500 loop.batch=256 loop.lr=2e-3 loop.distinct=262144",
        "mae-patches": "loop.steps=1500 loop.batch=256 loop.lr=2e-3",
        "mae": "loop.steps=2500 loop.batch=256 loop.lr=1.5e-3",
        "align": "loop.steps=1500 loop.batch=128 loop.lr=3e-3 loop.distinct=131072",
        "decoder": "loop.steps=3000 loop.batch=128 loop.lr=1.5e-3 loop.distinct=131072",
        "prompt": "loop.steps=1500 loop.batch=128 loop.lr=3e-3 loop.distinct=131072",
    },
    "toy": {leg.name: "loop.steps=2 loop.batch=4 loop.validations=8 loop.previews=2" for leg in LEGS},
}


def main() -> None:
    options = _parse()
    start = time.perf_counter()
    packed = options.run_dir / "photos.zip"
    # Imported only now: --help need not wait for torch, which comes with it.
    importlib.import_module("asuka.data.pack").pack(options.photos, packed)
    print(f"{packed}: {packed.stat().st_size / 1e6:.1f} MB; budget {options.budget}; the plan:")
    for leg in LEGS:
        print(f"  {leg.name:<12} {BUDGETS[options.budget][leg.name]}")
    for leg in LEGS:
        _run(leg, options, packed)
    total = sum(file.stat().st_size for file in (options.run_dir / "ship").rglob("*") if file.is_file())
    print(f"{options.run_dir}/ship: {total / 1e6:.1f} MB in {(time.perf_counter() - start) / 60:.1f} minutes")
    if options.install:
        install(options.run_dir / "ship")


def install(shipped: Path) -> None:
    """Put the shipped weights, whole, in the place of the embedded ones; provenance is written by hand."""
    for part in ("base", "mae", "align", "decoder", "prompt"):
        shutil.rmtree(ASSETS / "tiny" / part, ignore_errors=True)
        shutil.copytree(shipped / part, ASSETS / "tiny" / part)
        print(f"installed {part}: {fingerprint(ASSETS / 'tiny' / part)}")


def ship(weights: Path, target: Path) -> None:
    """A copy of a weights folder with every tensor as fp16, and no word of where it lay."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(weights, target)
    for file in target.rglob("*.safetensors"):
        tensors = {name: _half(value) for name, value in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})
    for file in target.rglob("config.json"):
        config = json.loads(file.read_text())
        config.pop("_name_or_path", None)
        file.write_text(json.dumps(config, indent=2) + "\n")


def _half(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float16) if np.issubdtype(value.dtype, np.floating) else value


def _run(leg: Leg, options: argparse.Namespace, packed: Path) -> None:
    run_dir, shipped = options.run_dir / leg.name, options.run_dir / "ship" / leg.ships
    place = {"ship": str(options.run_dir / "ship")}
    command = [sys.executable, "-m", "asuka.train", f"stage={leg.stage}", f"run_dir={run_dir}", "data=mixed"]
    command += [f"data.root={packed}", f"loop.workers={options.workers}"]
    command += [argument.format(**place) for argument in leg.arguments] + BUDGETS[options.budget][leg.name].split()
    print(f"\n== {leg.name}\n{' '.join(command)}", flush=True)
    start = time.perf_counter()
    if subprocess.run(command).returncode:
        raise SystemExit(f"{leg.name} stopped; mend what it says and repeat this command, which goes on from there")
    print(f"{leg.name}: {(time.perf_counter() - start) / 60:.1f} minutes, {_rate(run_dir)} pictures/s at the end")
    ship(run_dir / "weights", shipped)
    if leg.stage == "base" and options.budget != "toy":
        _require_captions(run_dir)


def _rate(run_dir: Path) -> float:
    rows = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text().splitlines()]
    return next(row["images_per_s"] for row in reversed(rows) if "images_per_s" in row)


def _require_captions(run_dir: Path) -> None:
    """An alignment speaks through the cross-attention; where captions are not heard, nothing else will be."""
    table = json.loads((run_dir / "stats.jsonl").read_text().splitlines()[-1])["validation"]
    for other in (table["all-hole/null"], table["all-hole/other"]):
        if other["difference"] <= other["half_width"]:
            raise SystemExit(
                f"{run_dir}: the own caption is worth {other['difference']:+.5f} +- {other['half_width']:.5f} "
                "of the loss: the cross-attention carries too little for any prior; train the base for longer"
            )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos")
    parser.add_argument("--budget", choices=BUDGETS, help="default: gpu where there is one, else cpu")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--workers", type=int, help="loader processes; default: 14 for gpu, else 2")
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    if options.budget is None:
        options.budget = "gpu" if importlib.import_module("torch").cuda.is_available() else "cpu"
    if options.workers is None:
        options.workers = 14 if options.budget == "gpu" else 2
    return options


if __name__ == "__main__":
    run(main)
