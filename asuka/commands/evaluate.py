"""What `asuka.evaluate` does."""

import json
import time
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from asuka.config import build_all, guard, guard_parts
from asuka.data.made import Made
from asuka.data.manifest import digest as data_digest
from asuka.data.manifest import freeze, frozen
from asuka.data.pair import Pairs
from asuka.diffusion.quiet import quiet_libraries
from asuka.disk import write_file
from asuka.errors import InputError
from asuka.evaluation.harness import Harness
from asuka.evaluation.measured import Measured
from asuka.evaluation.provenance import RULES, commit, digest, networks, versions
from asuka.evaluation.report import report
from asuka.evaluation.sheets import draw_sheets
from asuka.evaluation.table import table
from asuka.metrics.table import Protocol, chosen
from asuka.training import world
from asuka.training.machine import device, memory, wait

WORK = "chunks"  # what a run's folder has as soon as anything is measured
SHOWN = 10  # sentences about what failed


def evaluate(config: DictConfig) -> dict:
    """Measure what the configuration describes; its summary. InputError where pairs are left over."""
    quiet_libraries()
    start, run_dir = time.perf_counter(), Path(config.run_dir)
    protocol = chosen(config.protocol, config.metrics, config.clip)
    data, method, *holes = build_all(config.data, config.method, *([config.masks] if config.masks else []))
    if config.draws > 1 and method.seed is None:
        raise InputError(f"draws={config.draws}: this method draws nothing at random; leave draws=1")
    every = data.pairs(holes[0] if holes else None, config.holes, config.seed)
    pairs = every if config.count is None else every.first(config.count)
    guard(run_dir, config, WORK)
    weights = digest(method)
    guard_parts(run_dir, {"method": weights}, WORK)
    place = device(config.device)  # before anything waits for another process
    pairs = _frozen(pairs, run_dir)
    method.among(pairs.followed(every))
    harness = Harness(method.to(place).eval(), pairs, protocol, run_dir, config.draws, config.batch_size, place)
    harness.run()
    wait()
    if world.rank():
        return {}
    measured = Measured.of(harness.chunks(), pairs.names)
    if not len(measured):
        raise InputError(*_missing(measured, pairs))
    summary, folds = report(measured, protocol, config.seed)
    summary |= {"provenance": _provenance(config, measured, protocol, weights), "failed": measured.failed}
    _write(harness, measured, summary, folds, start)
    if measured.failed:
        raise InputError(*_missing(measured, pairs))
    return summary


def _write(harness: Harness, measured: Measured, summary: dict, folds: dict[str, list[float]], start: float) -> None:
    """All that a run leaves for people and for `asuka.compare`; summary.json, which says that it is whole, last."""
    run_dir, protocol, text = harness.run_dir, harness.protocol, table(summary)
    write_file(run_dir / "rows.csv", measured.csv())
    write_file(run_dir / "folds.json", _json(folds))
    measured.save_features(run_dir / "features.npz", protocol)
    write_file(run_dir / "table.md", text)
    # By LPIPS, or by the first score of which less or more is better.
    ordered = {name: score.better for name, score in protocol.scores.items() if score.better}
    name = next((name for name in ("lpips_alex", *ordered) if name in ordered), None)
    if name:
        draw_sheets(measured, harness.pairs, harness.results(0), name, ordered[name], run_dir / "sheets")
    seconds = {"seconds": time.perf_counter() - start, "seconds_per_picture": float(measured.values("seconds").mean())}
    write_file(run_dir / "summary.json", _json(summary | {"cost": {**seconds, "memory": memory()}}))
    print(f"{text}\n{run_dir}: table.md, summary.json, rows.csv, features.npz, sheets/; {memory()}")


def _frozen(pairs: Made, run_dir: Path) -> Made:
    """The same pairs, written down in the run's folder; from now on each must be what stands there."""
    file = run_dir / "manifest.jsonl"
    if world.rank() == 0 and not file.exists():
        freeze(pairs, file)
    wait()
    return frozen(pairs, file)


def _provenance(config: DictConfig, measured: Measured, protocol: Protocol, weights: str) -> dict:
    """What the numbers rest on."""
    plain = OmegaConf.to_container(config, resolve=True)
    return {
        "protocol": config.protocol,
        "pairs": len(measured),
        "photographs": len(set(measured.words("photo"))),
        "draws": config.draws,
        "seed": config.seed,
        "method": plain["method"],
        "weights": weights,
        **data_digest(Path(config.run_dir) / "manifest.jsonl"),
        "networks": networks(protocol),
        "rules": RULES[config.protocol],
        "commit": commit(),
        "versions": versions(),
    }


def _missing(measured: Measured, pairs: Pairs) -> list[str]:
    """The sentences about what could not be measured."""
    more = len(measured.failed) - SHOWN
    told = list(measured.failed.values())[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
    return [*told, f"{len(measured.failed)} of {len(pairs)} pairs are missing; mend them and repeat the command"]


def _json(told: dict) -> str:
    return json.dumps(told, indent=2, allow_nan=True) + "\n"
