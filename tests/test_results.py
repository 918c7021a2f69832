"""What pages show of results is what the script makes of the committed numbers, and pictures are those of the seed."""

import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asuka.commands.draw_pictures import PHOTOGRAPHS, SCENES, chosen, picture
from asuka.commands.draw_results import PAGES, RECORD, RESULTS, block, results
from asuka.errors import InputError
from asuka.evaluation.short_table import COLUMNS, lines_of, short_table
from asuka.metrics.table import PROTOCOLS

ROOT = Path(__file__).parents[1]
MADE_UP = ROOT / "tests" / "fixtures" / "results"
PUBLISHED = (MADE_UP, ROOT)  # every folder with a README and a record whose numbers are generated
EMPTY = "# Page\n\n<!-- {0}:begin -->\nold\n<!-- {0}:end -->\n\nThe rest.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the made-up results that a test may change."""
    return Path(shutil.copytree(MADE_UP, tmp_path / "root"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run the script as its command line says."""

    def command(*words: object) -> None:
        monkeypatch.setattr(sys, "argv", ["draw_results.py", *map(str, words)])
        runpy.run_path(str(ROOT / "scripts" / "draw_results.py"), run_name="__main__")

    return command


def test_numbers_on_a_page_are_those_of_the_committed_table() -> None:
    for root in PUBLISHED:
        place = root / RECORD / "table.csv"
        for page in PAGES:
            shown = block((root / page).read_text(), RESULTS, root / page)
            words = shlex.split(re.search(r"<!-- (.*) -->", shown)[1])
            methods = words[words.index("--methods") + 1 :] if "--methods" in words else []
            assert shown.strip() == results(place.read_text(), methods, place).strip()


def test_the_table_has_its_known_answer() -> None:
    place = MADE_UP / RECORD / "table.csv"
    text = short_table(lines_of(place.read_text(), place), [], place)
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in text.splitlines()[2:7]}
    heads = text.splitlines()[2].strip("| ").split(" | ")
    cells = {name: dict(zip(heads, values, strict=True)) for name, values in rows.items() if len(values) == len(heads)}
    assert heads[:2] == ["LPIPS ↓", "FID ↓"] and heads[-1] == "seconds ↓"
    assert cells["asuka"]["LPIPS ↓"] == "**0.1800**\\* ± 0.0090" and cells["sd"]["LPIPS ↓"] == "0.2000 ± 0.0100"
    assert cells["asuka"]["KID ↓"] == "0.0130 ± 0.0010"  # worse, by less than the interval
    assert cells["opencv"]["PSNR ↑"] == "**20.10**\\* ± 0.50" and cells["opencv"]["seconds ↓"] == "**0.004**"
    assert cells["sd"]["U-IDS (64) ↑"] == "– (1)" and cells["opencv"]["FID ↓"] == "– (2)"
    assert "\n1. no u_ids_pca64: give 130 photographs or more\n2. not measured\n" in text
    assert "paired difference to `sd`" in text and "**400 pictures**" in text


def test_methods_are_rows_in_the_order_given_and_the_best_is_among_them() -> None:
    place = MADE_UP / RECORD / "table.csv"
    text = short_table(lines_of(place.read_text(), place), ["asuka", "sd"], place)
    assert re.findall(r"^\| (\w+) \|", text, re.MULTILINE) == ["asuka", "sd"]
    assert text.count("**18.50**") == 2  # as it is displayed, both have it
    with pytest.raises(InputError, match="--methods asukka: .*no such method; did you mean asuka?"):
        short_table(lines_of(place.read_text(), place), ["asukka"], place)


def test_columns_are_metrics_of_ours() -> None:
    standard = PROTOCOLS["standard"]
    known = {*standard.scores, *(name for score in standard.sets.values() for name in score.better), "seconds"}
    assert {shown.key for shown in COLUMNS} <= known


def test_a_table_replaces_the_one_before_and_nothing_else(run: Callable[..., None], root: Path) -> None:
    before = {page: (root / page).read_text() for page in PAGES}
    run("--root", root, "table")
    assert {page: (root / page).read_text() for page in PAGES} == before
    run("--root", root, "table", "--methods", "opencv", "sd")
    for page in PAGES:
        text = (root / page).read_text()
        assert "| opencv |" in text and "| asuka |" not in text and "--methods opencv sd -->" in text
        old, new = (block(one, RESULTS, page) for one in (before[page], text))
        assert text == before[page].replace(old, new)


def test_a_comparison_becomes_the_record(run: Callable[..., None], root: Path, tmp_path: Path) -> None:
    (tmp_path / "compared").mkdir()
    text = (root / RECORD / "table.csv").read_text().replace("asuka", "ours")
    (tmp_path / "compared" / "table.csv").write_text(text)
    run("--root", root, "table", tmp_path / "compared")
    assert (root / RECORD / "table.csv").read_text() == text
    assert all("| ours |" in (root / page).read_text() for page in PAGES)
    assert not any(str(tmp_path) in (root / page).read_text() for page in PAGES)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (PAGES[0], "no marker"),
        (PAGES[1], EMPTY.format(RESULTS) * 2),
        (PAGES[1], "<!-- results:end --> <!-- results:begin -->"),
    ],
)
def test_a_page_without_its_markers_is_a_sentence_and_nothing_is_written(
    run: Callable[..., None], root: Path, tmp_path: Path, page: Path, text: str
) -> None:
    (root / page).write_text(text)
    (tmp_path / "table.csv").write_text((root / RECORD / "table.csv").read_text().replace("asuka", "ours"))
    before = {file: file.read_bytes() for file in root.rglob("*.*")}
    with pytest.raises(SystemExit, match="write the lines <!-- results:begin --> and <!-- results:end --> once each"):
        run("--root", root, "table", tmp_path)
    assert {file: file.read_bytes() for file in root.rglob("*.*")} == before


def test_a_file_that_is_no_table_is_a_sentence(run: Callable[..., None], root: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="table.csv: cannot be read .*asuka.compare wrote"):
        run("--root", root, "table", tmp_path)
    (tmp_path / "table.csv").write_text("name,psnr\na,1\n")
    with pytest.raises(SystemExit, match="its first line is not that of a table.csv"):
        run("--root", root, "table", tmp_path)


def test_pictures_are_a_function_of_weights_and_seed(run: Callable[..., None], toy: Path, root: Path) -> None:
    for page in PAGES:
        (root / page).write_text(EMPTY.format("pictures"))
    run("--root", root, "pictures", "--weights", toy, "--steps", 1)
    drawn = np.asarray(Image.open(root / RECORD / "pictures.png"))
    assert np.array_equal(drawn, np.asarray(picture(toy, 1, 0)))
    assert drawn.shape[1] == 6 * (128 + 4) + 4
    for page, link in zip(PAGES, ("experiments/001-main/pictures.png", "pictures.png"), strict=True):
        text = (root / page).read_text()
        assert f"({link})" in text and "old" not in text and text.endswith("\n\nThe rest.\n")
        assert all(name in text and rights in text for name, (_, rights) in PHOTOGRAPHS.items())
    shown, others = chosen(128, 0), chosen(128, 1)
    assert len(shown) == SCENES + len(PHOTOGRAPHS)
    for one, other in zip(shown, others, strict=True):
        assert np.array_equal(one.image, other.image) and not np.array_equal(one.hole, other.hole)
        assert one.image.shape == (128, 128, 3)


def test_photographs_are_free_by_what_scikit_image_says() -> None:
    for read, rights in PHOTOGRAPHS.values():
        said = " ".join(read.__doc__.split())
        assert ("CC0" in said) if "CC0" in rights else ("public domain" in said)
