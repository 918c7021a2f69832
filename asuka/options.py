"""Words of the command line that several scripts understand; to be had without torch."""

import argparse


def add_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """The words that every trial understands besides its pictures and decoders; `count` is the default's."""
    parser.add_argument("--base", default="tiny", help="tiny, or a folder in diffusers' layout")
    parser.add_argument("--count", type=int, default=count, help="pictures")
    parser.add_argument("--size", type=int, default=128, help="side in pixels")
    parser.add_argument("--masks", default="mixed", help="a file of conf/masks without its ending")
    parser.add_argument("--seed", type=int, default=0, help="of holes and noise")
