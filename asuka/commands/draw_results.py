"""What scripts/draw_results.py does with tables, and how what is generated gets its place in a page."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from asuka.disk import write_file
from asuka.errors import InputError, said
from asuka.evaluation.short_table import lines_of, short_table

RECORD = Path("experiments/001-main")
PAGES = (Path("README.md"), RECORD / "README.md")  # what shows results
MARKERS = ("<!-- {part}:begin -->", "<!-- {part}:end -->")
RESULTS = "results"


def table(options: argparse.Namespace) -> None:
    """Put the short table into the pages; with a comparison's folder, of its numbers, which the record gets first."""
    root, place = options.root, options.root / RECORD / "table.csv"
    source = place if options.compared is None else options.compared / "table.csv"
    text = _text(source, "give the folder that python -m asuka.compare wrote")
    pages = filled(root, RESULTS, dict.fromkeys(PAGES, results(text, options.methods, source)))
    write_file(place, text)
    for page, content in pages.items():
        write_file(root / page, content)
    print(f"{', '.join(str(root / page) for page in PAGES)}: of {place}")


def results(text: str, methods: Sequence[str], place: Path) -> str:
    """What stands between the markers, of a table.csv: how it was made, and the short table."""
    words = shlex.join(["python", "scripts/draw_results.py", "table", *(["--methods", *methods] if methods else [])])
    return f"<!-- {words} -->\n\n{short_table(lines_of(text, place), methods, place)}"


def filled(root: Path, part: str, blocks: dict[Path, str]) -> dict[Path, str]:
    """The text of each page below `root` with another block between its markers. InputError where it has none."""
    pages = {page: _text(root / page, "it has to be there, with the two markers") for page in blocks}
    return {page: _replaced(text, part, blocks[page], root / page) for page, text in pages.items()}


def block(text: str, part: str, place: Path) -> str:
    """What stands between the markers of a page."""
    begin, end = (marker.format(part=part) for marker in MARKERS)
    if (text.count(begin), text.count(end)) != (1, 1) or text.index(begin) > text.index(end):
        raise InputError(f"{place}: write the lines {begin} and {end} once each where the {part} are to stand")
    return text.partition(begin)[2].partition(end)[0]


def _replaced(text: str, part: str, content: str, place: Path) -> str:
    begin, end = (marker.format(part=part) for marker in MARKERS)
    old = f"{begin}{block(text, part, place)}{end}"
    return text.replace(old, f"{begin}\n{content.strip()}\n{end}")


def _text(file: Path, remedy: str) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({said(error)}); {remedy}") from error
