"""Commands run as children, as a person would type them, one at a time in a folder."""

import fcntl
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from asuka.errors import StoppedError
from asuka.sweeps.point import Leg
from asuka.terminal import AGAIN

LOG = "log.txt"
LONGEST = 400  # characters of an error


def typed(module: str, leg: Leg, processes: int) -> str:
    """What a person types to run it by hand."""
    return shlex.join(["python", *_words(module, leg, processes)])


def run(module: str, leg: Leg, processes: int) -> str:
    """Run a command, which adds to log.txt in its folder; nothing, or why it failed. StoppedError after a signal.

    The child holds the folder's lock too: a sweep that was killed may leave it at work, and the same sweep, begun
    again, waits for its end. (A network disk may know no such lock: look for what is still running after a kill.)
    """
    leg.run_dir.mkdir(parents=True, exist_ok=True)
    log = leg.run_dir / LOG
    with open(leg.run_dir / ".lock", "w") as lock, open(log, "ab") as out:
        fcntl.flock(lock, fcntl.LOCK_EX)
        start = out.tell()
        out.write(f"$ {typed(module, leg, processes)}\n".encode())
        out.flush()
        command = [sys.executable, *_words(module, leg, processes)]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=[lock.fileno()])
        try:
            with _passed_on(child) as heard:
                code = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()  # it saves, and leaves
                child.wait()
    if code == AGAIN or heard:
        raise StoppedError(f"{leg.run_dir}: stopped by a signal; the same command goes on from there")
    return "" if code == 0 else f"{_said(log, start, code)} ({log})"


def _words(module: str, leg: Leg, processes: int) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    return [*(launcher if processes > 1 else []), "-m", module, *leg.words]


@contextmanager
def _passed_on(child: subprocess.Popen) -> Iterator[list[int]]:
    """Within, the child gets the signals of a scheduler; those that were heard."""
    heard: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        child.send_signal(number)

    listening = threading.current_thread() is threading.main_thread()  # no other may listen
    numbers = (signal.SIGTERM, signal.SIGUSR1) if listening else ()
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _said(log: Path, start: int, code: int) -> str:
    """The last line of a command's output before what torchrun has to say of it, progress bars aside."""
    with open(log, "rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    text = re.split(r"^E\d{4} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in re.split(r"[\r\n]+", text)[1:] if line.strip() and not re.search(r"\d%\|", line)]
    return lines[-1][:LONGEST] if lines else f"exit code {code} without a word"
