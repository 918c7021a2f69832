"""The border between a command and the person who typed it."""

import os
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from functools import wraps

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from asuka.errors import InputError, InputWarning, nearest
from asuka.training.loop import LoopConfig

KINDS = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}
# The ones a person types most.
ARGUMENTS = [
    *("seed", "run_dir", "stage", "data", "masks", "base", "method", "image", "mask", "out", "device"),
    *(f"loop.{knob.name}" for knob in fields(LoopConfig)),
]


def run(command: Callable[[], None]) -> None:
    """Run a Hydra command; an argument that cannot be read is one sentence on the terminal and exit code 1."""
    # Hydra would otherwise print a page of its own and leave before we can say what to do.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    try:
        command()
    except (HydraException, OmegaConfBaseException) as error:
        _stop(_sentence(error))


def spoken(task: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    """The same task, whose InputError is one sentence on the terminal and exit code 1."""

    @wraps(task)
    def speaking(config: DictConfig) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("once", InputWarning)
                warnings.showwarning = _told
                task(config)
        except InputError as error:
            _stop(*map(str, error.args))
        except OmegaConfBaseException as error:
            _stop(_sentence(error))
        except KeyboardInterrupt:
            _stop("stopped; the same command goes on from the last checkpoint")

    return speaking


def _told(message: Warning, kind: type[Warning], place: str, line: int, *_: object) -> None:
    """A warning on the terminal: ours as a sentence, those of libraries as they are."""
    ours = issubclass(kind, InputWarning)
    text = f"warning: {message}\n" if ours else warnings.formatwarning(message, kind, place, line)
    print(text, end="", file=sys.stderr)


def _stop(*sentences: str) -> None:
    for text in sentences:
        print(" ".join(text.split()), file=sys.stderr)
    raise SystemExit(1)


def _sentence(error: Exception) -> str:
    """Hydra's complaint as value, place and remedy; where it is a kind we do not know, its own words in one line."""
    text = f"{error}\n{error.__cause__ or ''}"
    if found := re.search(r"Could not find '(.+)/(.+)'", text):
        group, choice = found.groups()
        options = re.findall(r"^\t(\w+)$", text, flags=re.MULTILINE)
        remedy = nearest(choice, options, f"choose one of {', '.join(options)}")
        return f"{group}={choice}: there is no such {group}; {remedy}"
    if found := re.search(r"full_key: (.+)", text):
        key = found.group(1)
        if wrong := re.search(r"Value '(.*)' of type '.*' could not be converted to (\w+)", text):
            value, kind = wrong.groups()
            return f"{key}={value}: must be {KINDS.get(kind, kind)}; give another value"
        if re.search(r"Key '.*' (?:is )?not in", text):
            if key in ("data.root", "data.val"):
                return f"{key}: data=synthetic, the default, reads no folder; give data=folder data.root=DIR"
            alike = [word for word in ARGUMENTS if ("." in word) == ("." in key)]
            remedy = nearest(key, alike, "the same command with --cfg job shows all arguments")
            return f"{key}: there is no such argument; {remedy}"
    if found := re.search(r"Missing mandatory value: (\w+)", text):
        return f"{found.group(1)} is not set; give {found.group(1)}=…"
    if found := re.search(r"Error parsing override '(.*)'", text):
        return f"{found.group(1)}: cannot be read; arguments look like key=value"
    return " ".join(text.split())
