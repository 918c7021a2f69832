"""The border between a command and the person who typed it."""

import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from itertools import product
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from asuka.config import CONF, check, flattened
from asuka.errors import InputError, InputWarning, StoppedError, nearest
from asuka.training import world

KINDS = {"Float": "a number", "Integer": "a whole number", "Boolean": "true or false"}
# What Ctrl-C leaves: of a run, and of everything else.
RESUMED = "the same command goes on from the last checkpoint"
WHOLE = "what is written is whole, and the same command goes on"
# sysexits.h's EX_TEMPFAIL: nothing is wrong, the same command is to be run again. A batch script asks for it:
#     python -m asuka.train …; [ $? -eq 75 ] && scontrol requeue $SLURM_JOB_ID
# Exit code 1 is a mistake that somebody has to mend first. torchrun ends with 1 in either case; it passes SIGTERM on,
# and SIGUSR1 with --signals-to-handle SIGTERM,SIGUSR1 alone.
AGAIN = 75


def run(command: Callable[[], None]) -> None:
    """Run a Hydra command; arguments that cannot be read are a sentence each on the terminal and exit code 1."""
    # Hydra would otherwise print a page of its own and leave before we can say what to do.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    try:
        command()
    except (HydraException, OmegaConfBaseException) as error:
        _stop(*(_complaints(Path(sys.argv[0]).stem, sys.argv[1:]) or [_sentence(error, [])]))


def spoken(task: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    """The same task, whose InputError is a sentence on the terminal and exit code 1; StoppedError, `AGAIN`."""

    @wraps(task)
    def speaking(config: DictConfig) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("once", InputWarning)
                warnings.showwarning = _told
                task(config)
        except InputError as error:
            _stop(*map(str, error.args))
        except MissingMandatoryValue:
            _stop(*(f"{key} is not set; give {key}=…" for key in sorted(OmegaConf.missing_keys(config))))
        except OmegaConfBaseException as error:
            _stop(_sentence(error, []))
        except StoppedError as error:
            said = [str(error)] if world.rank() == 0 else []  # all processes leave, one says why
            _stop(*said, code=AGAIN)
        except KeyboardInterrupt:
            _stop(f"stopped; {RESUMED if 'run_dir' in config else WHOLE}")

    return speaking


def composed(root: str, words: list[str]) -> DictConfig:
    """The configuration of `python -m asuka.ROOT words…`, resolved. InputError where they make none."""
    inside = GlobalHydra.instance().is_initialized()  # a command of hydra's, which has our files open
    try:
        with nullcontext() if inside else initialize_config_dir(CONF, version_base="1.3"):
            config = compose(root, words)
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_sentence(error, [])) from error
    return config


def expanded(words: list[str]) -> list[list[str]]:
    """Every command that a line with swept values (`seed=0,1`) stands for; of a key given twice the later one holds."""
    choices: dict[str, list[str]] = {}
    for override in OverridesParser.create().parse_overrides(words):
        key, values = override.get_key_element(), [override.input_line]
        if override.is_sweep_override():
            values = [f"{key}={value}" for value in override.sweep_string_iterator()]
        choices[key] = values
    return [list(job) for job in product(*choices.values())]


def _told(message: Warning, kind: type[Warning], place: str, line: int, *_: object) -> None:
    """A warning on the terminal: ours as a sentence, those of libraries as they are."""
    ours = issubclass(kind, InputWarning)
    text = f"warning: {message}\n" if ours else warnings.formatwarning(message, kind, place, line)
    print(text, end="", file=sys.stderr)


def _stop(*sentences: str, code: int = 1) -> None:
    for text in sentences:
        print(" ".join(text.split()), file=sys.stderr)
    raise SystemExit(code)


def _complaints(root: str, words: list[str]) -> list[str]:
    """What is wrong with each argument of a command: Hydra stops at the first, so each is tried beside the good ones,
    those that choose options before the others."""
    found, good, lost = [], [], ()
    with initialize_config_dir(CONF, version_base="1.3"):
        for word in sorted((word for word in words if not word.startswith("-")), key=lambda word: not _group(word)):
            if word.lstrip("+~").startswith(lost):
                continue  # it belongs to an option that does not exist
            try:
                for (one,) in expanded([word]):
                    compose(root, [*good, one])
                good.append(one)
            except (HydraException, OmegaConfBaseException) as error:
                known = OmegaConf.to_container(compose(root, good), resolve=False)
                found.append(_sentence(error, list(flattened(known))))
                lost += (f"{_group(word).replace('/', '.')}.",) if _group(word) else ()
        try:
            check(compose(root, good))
        except InputError as error:
            found += map(str, error.args)
    return found


def _group(word: str) -> str:
    """The group that an argument chooses an option of, or nothing."""
    key = word.lstrip("+~").partition("=")[0]
    return key if Path(CONF, key).is_dir() else ""


def _sentence(error: Exception, keys: list[str]) -> str:
    """Hydra's complaint as value, place and remedy among `keys`; where it is a kind we do not know, its own words in
    one line."""
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
            alike = [word for word in keys if word.count(".") == key.count(".")]
            remedy = nearest(key, alike, "the same command with --cfg job shows all arguments")
            return f"{key}: there is no such argument; {remedy}"
    if found := re.search(r"Missing mandatory value: (\w+)", text):
        return f"{found.group(1)} is not set; give {found.group(1)}=…"
    if found := re.search(r"Error parsing override '(.*)'", text):
        return f"{found.group(1)}: cannot be read; arguments look like key=value"
    return " ".join(text.split())
