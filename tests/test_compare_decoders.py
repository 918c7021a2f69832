"""The scripts of the decoders' table and figures, whole, at toy size."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asuka.batch import first
from asuka.commands.compare_decoders import table
from asuka.condition import Empty
from asuka.config import option
from asuka.data.held import held
from asuka.decode import Plain
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.samplers import Concat
from asuka.image import paste
from asuka.methods.diffusion import DiffusionInpainter
from asuka.metrics.pixel import psnr
from asuka.metrics.seam import colour_shift, excess_seam_de

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three noisy ramps."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for number in range(3):
        ramp = np.linspace(0, 200, 130)[None, :, None] + rng.normal(30 * number, 20, (140, 130, 3))
        Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> object:
    """Run a script as its command line says."""

    def command(script: str, *words: object) -> None:
        monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")

    return command


def test_the_table_holds_what_the_methods_give(run: object, toy: Path, photos: Path, tmp_path: Path) -> None:
    out, base = tmp_path / "out", toy / "base"
    words = [photos, "--decoders", f"full={toy}/decoder", "--base", base, "--steps", 2, "--net", "lite"]
    run("compare_decoders.py", *words, "--out", out)
    with open(out / "rows.csv") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * 2 * 2
    assert [line["colour_shift"] == "" for line in lines] == [line["latents"] == "sd" for line in lines]
    model, batch = pretrained(str(base)), first(held(str(photos), option("masks", "mixed"), 3, 128, 0), 3)
    sampled = DiffusionInpainter(model, Empty(), Concat(), Plain(), 2, 0, 1.0)(batch.blind())
    again = model.decode(model.encode(batch.image)).clamp(-1, 1)
    for kind, result, row in (("sd", sampled, excess_seam_de), ("real", again, colour_shift), ("sd", sampled, psnr)):
        values = row(batch.image, batch.mask, paste(batch.image, batch.mask, result))
        expected = dict(zip(batch.name, values.tolist(), strict=True))
        plain = [line for line in lines if (line["latents"], line["row"]) == (kind, "plain")]
        found = {line["name"]: float(line[row.__name__]) for line in plain}
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert Image.open(out / "grid.png").size == (6 * 130, 16 + 3 * 130)
    text = (out / "table.md").read_text()
    assert text.count("| full - plain |") == 2 and "3 pictures" in text and str(tmp_path) not in text
    before = [(out / name).read_bytes() for name in ("rows.csv", "table.md", "grid.png")]
    run("compare_decoders.py", *words, "--out", out)
    assert [(out / name).read_bytes() for name in ("rows.csv", "table.md", "grid.png")] == before


def test_the_table_has_its_known_answer() -> None:
    lines = [
        {"name": name, "latents": kind, "row": row, "hole": 0.3, "lpips": 0.1}
        | dict.fromkeys(("known_shift", "known_max", "known_mean", "colour_shift", "hole_psnr", "excess_seam_de"), 2.0)
        | {"psnr": value + (0 if row == "plain" else gain)}
        for name, value, gain in (("a", 20.0, 1.0), ("b", 30.0, 2.0))
        for kind in ("real", "sd")
        for row in ("plain", "full")
    ]
    cells = [line.split(" | ") for line in table(lines, ["some words"]).splitlines() if line.startswith("| ")]
    psnr_at = cells[0].index("psnr ↑")
    # Two values d apart: mean in the middle, interval 1.96 (d / sqrt 2) / sqrt 2.
    assert [row[psnr_at] for row in cells[2:5]] == ["25.00 ± 9.80", "26.50 ± 10.78", "+1.50 ± 0.98"]
    assert [row[1] for row in cells[2:5]] == ["2.00 ± 0.00", "2.00 ± 0.00", "+0.00 ± 0.00"]
    assert cells[4][0] == "| full - plain"


def test_a_pipeline_is_measured_before_and_after(
    run: object, toy: Path, photos: Path, capsys: pytest.CaptureFixture
) -> None:
    run("try_drop_in.py", photos, "--decoder", toy / "decoder", "--base", toy / "base", "--count", 2)
    said = capsys.readouterr().out
    assert "means over 2 pictures" in said and "nan" not in said
    for what in ("known_shift", "seam_de"):
        assert f"{what}/before" in said and f"than {what}/before" in said


@pytest.mark.parametrize("script", ["draw_drift.py", "draw_spectrum.py"])
def test_a_figure_is_drawn_the_same_every_time(
    run: object, toy: Path, tmp_path: Path, script: str, capsys: pytest.CaptureFixture
) -> None:
    for name in ("a.png", "b.png"):
        words = ["--decoder", toy / "decoder", "--base", toy / "base", "--size", 64, "--count", 2]
        run(script, *words, "--out", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert np.array(Image.open(tmp_path / "a.png")).std() > 10
    said = capsys.readouterr().out
    assert "conditional, pasted" in said and "nan" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--decoders", "plain={toy}/decoder"], "--decoders plain=.*: give NAME=DIR, each name once"),
        (["--decoders", "{toy}/decoder"], "--decoders .*: give NAME=DIR"),
        (["--decoders", "full={toy}/gone"], "no weights at .*gone; give a folder that stage=decoder wrote"),
        (["--decoders", "full={toy}/mae"], "holds a MaskedAutoencoder and no ConditionalDecoder"),
        (["--decoders", "full={toy}/decoder", "--base", "tiny"], "decoder was trained with vae weights"),
        (["--decoders", "full={toy}/decoder", "--masks", "stroks"], "masks=stroks: .*did you mean strokes?"),
        (["--decoders", "full={toy}/decoder", "--size", "100"], "pictures of 100 x 100 pixels do not fit"),
        (["--decoders", "full={toy}/decoder", "--count", "1"], "give two or more"),
    ],
)
def test_a_mistake_is_a_sentence(
    run: object, toy: Path, photos: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    words = [word.format(toy=toy) for word in words]
    with pytest.raises(SystemExit, match=message):
        run("compare_decoders.py", photos, "--base", toy / "base", "--net", "lite", "--out", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()
    assert torch.is_grad_enabled()
