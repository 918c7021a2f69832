"""What `asuka.evaluate` does."""

import json
import time
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from asuka.commands.inpaint import memory
from asuka.config import build_all, guard, guard_parts
from asuka.data.pair import Pairs, first
from asuka.diffusion.quiet import quiet_libraries
from asuka.errors import InputError, nearest
from asuka.evaluation.harness import Harness
from asuka.evaluation.measured import Measured
from asuka.evaluation.provenance import commit, digest, versions
from asuka.evaluation.report import report
from asuka.evaluation.sheets import draw_sheets
from asuka.evaluation.table import table
from asuka.metrics.table import PROTOCOLS, Protocol, chosen, reading
from asuka.training import world
from asuka.training.disk import write_file
from asuka.training.machine import device, wait

WORK = "chunks"  # what a run's folder has as soon as anything is measured
SHOWN = 10  # sentences about what failed


def evaluate(config: DictConfig) -> dict:
    """Measure what the configuration describes; its summary. InputError where pairs are left over."""
    quiet_libraries()
    start, run_dir = time.perf_counter(), Path(config.run_dir)
    protocol = _protocol(config)
    data, holes, method = build_all(config.data, config.masks, config.method)
    pairs = first(data.pairs(holes, config.holes, config.seed), config.count)
    if config.draws > 1 and method.seed is None:
        raise InputError(f"draws={config.draws}: this method draws nothing at random; leave draws=1")
    guard(run_dir, config, WORK)
    weights = digest(method)
    guard_parts(run_dir, {"method": weights}, WORK)
    place = device(config.device)
    harness = Harness(
        method.to(place).eval(), pairs, protocol, run_dir, config.draws, config.batch_size, place
    )
    harness.run()
    wait()
    if world.rank():
        return {}
    measured = Measured.of(harness.chunks(), pairs.names)
    if not len(measured):
        raise InputError(*_told(measured, pairs))
    told, folds = report(measured, protocol, config.seed)
    summary = told | {"provenance": _provenance(config, pairs, measured, weights)}
    summary |= {"failed": measured.failed}
    write_file(run_dir / "rows.csv", measured.csv())
    write_file(run_dir / "folds.json", _json(folds))
    measured.save_features(run_dir / "features.npz", protocol)
    text = table(summary)
    write_file(run_dir / "table.md", text)
    _sheets(measured, pairs, harness, protocol)
    cost = {"seconds": time.perf_counter() - start, "memory": memory()}
    write_file(run_dir / "summary.json", _json(summary | {"cost": cost}))
    print(f"{text}\n{run_dir}: table.md, summary.json, rows.csv, features.npz, sheets/; {memory()}")
    if measured.failed:
        raise InputError(*_told(measured, pairs))
    return summary


def _protocol(config: DictConfig) -> Protocol:
    """The protocol that is asked for, with the metrics that are."""
    if config.protocol not in PROTOCOLS:
        remedy = nearest(config.protocol, list(PROTOCOLS), f"choose one of {', '.join(PROTOCOLS)}")
        raise InputError(f"protocol={config.protocol}: there is no such protocol; {remedy}")
    protocol = reading(PROTOCOLS[config.protocol], config.clip)
    return chosen(protocol, protocol.default if config.metrics is None else tuple(config.metrics))


def _sheets(measured: Measured, pairs: Pairs, harness: Harness, protocol: Protocol) -> None:
    """Contact sheets by LPIPS, or by the first score of which less or more is better."""
    ordered = {name: score.better for name, score in protocol.scores.items() if score.better}
    name = next((name for name in ("lpips_alex", *ordered) if name in ordered), None)
    if name:
        draw_sheets(measured, pairs, harness.results(0), name, ordered[name], harness.run_dir / "sheets")


def _provenance(config: DictConfig, pairs: Pairs, measured: Measured, weights: str) -> dict:
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
        "networks": {name: networks(name) for name in ()},
        "commit": commit(),
        "versions": versions(),
    }


def _told(measured: Measured, pairs: Pairs) -> list[str]:
    """The sentences about what could not be measured."""
    more = len(measured.failed) - SHOWN
    told = list(measured.failed.values())[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
    return [*told, f"{len(measured.failed)} of {len(pairs)} pairs are missing; mend them and repeat the command"]


def _json(told: dict) -> str:
    return json.dumps(told, indent=2, allow_nan=True) + "\n"
