"""What several scripts understand and say alike; to be had without torch."""

import argparse
from collections.abc import Callable

from asuka.errors import InputError


def add_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """The words that every trial understands besides its pictures and decoders; `count` is the default's."""
    parser.add_argument("--base", default="tiny", help="tiny, or a folder in diffusers' layout")
    parser.add_argument("--count", type=int, default=count, help="pictures")
    parser.add_argument("--size", type=int, default=128, help="side in pixels")
    parser.add_argument("--masks", default="mixed", help="a file of conf/masks without its ending")
    parser.add_argument("--seed", type=int, default=0, help="of holes and noise")


def run(main: Callable[[], None]) -> None:
    """A script's `main`; a person's mistake is a sentence and exit code 1."""
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from error
