"""`python -m asuka.compare runs/evaluate/sd runs/evaluate/asuka`: finished evaluations side by side."""

import argparse
import importlib
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from asuka.errors import InputError
from asuka.terminal import spoken

PAGE = """Join finished evaluations of several methods on the same pairs.

  python -m asuka.compare runs/evaluate/sd runs/evaluate/asuka
  python -m asuka.compare runs/evaluate/* baseline=sd out=runs/tables/photos
  python -m asuka.compare runs/main_quick baseline=sd

Each folder is the run_dir of a finished python -m asuka.evaluate, and its name is what the tables call it; or that of a
python -m asuka.sweep, whose finished points stand there under their names. Protocol, images and holes have to be the
same; other commits and versions are told. baseline is the name of one of them, the first if it is not given; out is the
folder to write, runs/compare if it is not given. It gets

  table.md         every metric with its 95 % interval, composite and raw; cost; groups; hole ratios; the published
                   numbers where protocol and data are theirs; best in bold
  table.tex        its first table for LaTeX's booktabs
  table.csv        every number, one a line, with its difference to the baseline
  differences.md   paired differences to the baseline; * where the 95 % interval excludes 0
  sheet.png        the same holes across methods, drawn by a hash of their names
  dots.png         every metric with its interval, a line for each method"""
WORDS = ("baseline", "out")


def main() -> None:
    spoken(_compare)(OmegaConf.create({"words": _parser().parse_args().words}))


def read(words: list[str]) -> tuple[list[Path], str | None, Path]:
    """Folders, baseline and out among the words of a command. InputError for no folder."""
    given = dict(word.split("=", 1) for word in words if word.partition("=")[0] in WORDS)
    folders = [Path(word) for word in words if word.partition("=")[0] not in WORDS]
    if not folders:
        raise InputError(f"{' '.join(words) or 'nothing'}: give the folders of evaluations, or of a sweep; see --help")
    return folders, given.get("baseline"), Path(given.get("out", "runs/compare"))


def _compare(config: DictConfig) -> None:
    folders, baseline, out = read(list(config.words))
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.compare").compare(folders, baseline, out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asuka.compare",
        usage="%(prog)s FOLDER … [baseline=NAME] [out=FOLDER]",
        description=PAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="FOLDER", help="of a finished evaluation, or of a sweep")
    return parser


if __name__ == "__main__":
    main()
