"""What `asuka.sweep` does: before the first point, for each of them, and after the last one."""

import fcntl
import shlex
import time
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from asuka.disk import write_file
from asuka.errors import InputError, StoppedError
from asuka.sweeps import entry as ledger
from asuka.sweeps.child import run, typed
from asuka.sweeps.entry import EVALUATING, FAILED, FINISHED, STOPPED, TRAINING, Entry
from asuka.sweeps.point import Leg, Point, point
from asuka.sweeps.table import tables
from asuka.terminal import composed


def begin(config: DictConfig, jobs: list[list[str]]) -> None:
    """Write down what is asked for: a point for each of the jobs, arguments of asuka.sweep without commas."""
    run_dir = Path(config.run_dir)
    ledger.plan(run_dir, ledger.rows([point(composed("sweep", words), words) for words in jobs]))
    _write(run_dir)
    print(f"{run_dir}: {len(jobs)} points and seeds; table.md says how far they are")


def work(config: DictConfig, words: list[str]) -> None:
    """Train and evaluate a point, or what is left of it; that it failed is in its entry. StoppedError after a
    signal."""
    one, run_dir = point(config, words), Path(config.run_dir)
    processes = config.sweep.processes
    row = next(row for row in ledger.planned(run_dir) if row.folder == one.folder.name)
    before = ledger.entry_of(run_dir, row)
    title = f"{row.label} seed {row.seed}"
    if before.state == FINISHED:
        print(f"{title}: finished before, in {one.folder}")
        return
    legs = [("asuka.train", leg) for leg in one.legs]
    legs += [("asuka.evaluate", one.evaluate)] if one.evaluate else []
    commands = tuple(typed(module, leg, processes) for module, leg in legs)
    state = TRAINING if one.legs else EVALUATING
    entry = replace(before, state=state, error="", evaluation=row.mark, commands=commands)
    print("\n".join([f"{title}:", *(f"  {command}" for command in commands)]), flush=True)
    entry = _evaluated(one, _trained(one, entry, processes), processes)
    print(f"{title}: {' '.join([entry.state, entry.error]).strip()}", flush=True)


def end(config: DictConfig) -> None:
    """Show the table, and how to see evaluations side by side. InputError where points have failed."""
    run_dir = Path(config.run_dir)
    print(f"\n{_write(run_dir)}")
    states = [(row, ledger.entry_of(run_dir, row).state) for row in ledger.planned(run_dir)]
    alone = [row for row, state in states if state == FINISHED and row.evaluation == ledger.ALONE]
    if len(alone) > 1 and len({row.seed for row in alone}) == 1:  # those of several have other holes
        words = shlex.join([str(run_dir), f"out={run_dir / 'compare'}"])
        print(f"side by side: python -m asuka.compare {words}")
    failed = [row for row, state in states if state == FAILED]
    if failed:
        names = ", ".join(f"{row.label} seed {row.seed}" for row in failed)
        raise InputError(f"{len(failed)} failed: {names}; mend what {run_dir}/table.md says and repeat the command")


def _trained(one: Point, entry: Entry, processes: int) -> Entry:
    for leg in () if entry.trained else one.legs:
        entry = _step(one.folder, entry, "asuka.train", leg, processes)
        if entry.state == FAILED:
            return entry
    entry = replace(entry, trained=bool(one.legs), state=EVALUATING if one.evaluate else FINISHED)
    _store(one.folder, entry)
    return entry


def _evaluated(one: Point, entry: Entry, processes: int) -> Entry:
    if entry.state != EVALUATING:
        return entry
    entry = _step(one.folder, entry, "asuka.evaluate", one.evaluate, processes)
    if entry.state != FAILED:
        entry = replace(entry, state=FINISHED)
        _store(one.folder, entry)
    return entry


def _step(folder: Path, entry: Entry, module: str, leg: Leg, processes: int) -> Entry:
    """The entry, written down, after one of its commands."""
    _store(folder, entry)
    start = time.perf_counter()
    try:
        error = run(module, leg, processes)
    except StoppedError:
        _store(folder, replace(entry, state=STOPPED, seconds=entry.seconds + time.perf_counter() - start))
        raise
    entry = replace(entry, seconds=entry.seconds + time.perf_counter() - start)
    if error:
        entry = replace(entry, state=FAILED, error=error)
    _store(folder, entry)
    return entry


def _store(folder: Path, entry: Entry) -> None:
    ledger.store(folder, entry)
    _write(folder.parent)


def _write(run_dir: Path) -> str:
    """Write the tables anew; the Markdown. Points that end side by side take turns."""
    with open(run_dir / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        markdown, lines = tables(run_dir, ledger.planned(run_dir))
        write_file(run_dir / "table.md", markdown)
        write_file(run_dir / "table.csv", lines)
    return markdown
