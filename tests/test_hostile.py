"""Wrong, broken and malicious weights at every door: a sentence, nothing run, no weight drawn at random."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from toy_flux import SIZE

from asuka import AsukaPipeline
from asuka.assembly import assembled
from asuka.condition import aligned, frozen_mae, frozen_prompt
from asuka.decode import conditional
from asuka.diffusion.flux_folder import flux_fill
from asuka.diffusion.pretrained import pretrained
from asuka.errors import InputError
from asuka.methods.any_pipeline import AnyPipeline

# Door -> (part of the toy folder, folder of the weights in it, what reads the part).
Door = tuple[str, str, Callable[[Path], object]]
DOORS: dict[str, Door] = {
    "unet": ("base", "unet", lambda folder: pretrained(str(folder))),
    "vae": ("base", "vae", lambda folder: pretrained(str(folder))),
    "text encoder": ("base", "text_encoder", lambda folder: pretrained(str(folder))),
    "mae": ("mae", ".", lambda folder: frozen_mae(str(folder))),
    "alignment": ("align", ".", lambda folder: aligned(str(folder), str(folder.parent / "whole/mae"))),
    "decoder": ("decoder", ".", lambda folder: conditional(str(folder))),
    "prompt": ("prompt", ".", lambda folder: frozen_prompt(str(folder))),
    "flux transformer": ("flux", "transformer", lambda folder: flux_fill(str(folder), SIZE, 30.0, "fp32")),
    "flux vae": ("flux", "vae", lambda folder: flux_fill(str(folder), SIZE, 30.0, "fp32")),
}
PIPELINES = ("unet", "vae", "text_encoder", "mae", "alignment", "decoder")
# Every name that a loader of diffusers or transformers picks up where it finds no safetensors.
PICKLES = ("diffusion_pytorch_model.bin", "pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.ckpt")


class Malicious:
    """Its pickle makes a folder when it is read."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.place),)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, toy: Path, tmp_path: Path) -> tuple[Path, Callable[[], object]]:
    """A copy of a part's file of weights, and what reads the part."""
    part, inner, read = DOORS[request.param]
    shutil.copytree(toy / part, tmp_path / part)
    (tmp_path / "whole").symlink_to(toy)
    file = next((tmp_path / part / inner).glob("*.safetensors"))
    return file, lambda: read(tmp_path / part)


def changed(file: Path, change: Callable[[dict[str, torch.Tensor], str], None]) -> None:
    """The file again, with a change to its longest tensor."""
    state = load_file(file)
    change(state, max(state, key=lambda name: state[name].numel()))
    save_file(state, file, {"format": "pt"})


def test_a_pickle_is_not_opened_under_any_name(door: tuple, tmp_path: Path) -> None:
    file, read = door
    file.unlink()
    for name in PICKLES:
        torch.save({"weight": Malicious(tmp_path / "made")}, file.with_name(name))
    with pytest.raises(InputError, match="safetensors, the only kind that is opened"):
        read()
    assert not (tmp_path / "made").exists()
    torch.load(file.with_name(PICKLES[0]), weights_only=False)
    assert (tmp_path / "made").exists()  # or the test would not notice


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_file_that_is_not_whole_is_refused(door: tuple, share: float) -> None:
    file, read = door
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(InputError, match="can be read there.*give a folder"):
        read()


@pytest.mark.parametrize("part", ["base", "mae", "align", "decoder", "prompt", "flux"])
def test_half_an_index_is_a_sentence(toy: Path, part: str, tmp_path: Path) -> None:
    shutil.copytree(toy / part, tmp_path / part)
    (tmp_path / "whole").symlink_to(toy)
    index = next(f for f in (tmp_path / part / n for n in ("model_index.json", "config.json")) if f.exists())
    index.write_text(index.read_text()[:20])
    with pytest.raises(InputError, match=f"{index.name} cannot be read; fetch it again"):
        next(read for name, _, read in DOORS.values() if name == part)(tmp_path / part)


def test_a_missing_weight_is_not_drawn_at_random(door: tuple) -> None:
    file, read = door
    changed(file, lambda state, name: state.pop(name))
    with pytest.raises(InputError, match="missing|can be read there"):
        read()


def test_a_weight_of_another_shape_is_refused(door: tuple) -> None:
    file, read = door
    changed(file, lambda state, name: state.update({name: torch.zeros(3, 5)}))
    with pytest.raises(InputError, match="another shape|can be read there"):
        read()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_no_nan_is_let_in(door: tuple, value: float) -> None:
    file, read = door
    changed(file, lambda state, name: state[name].view(-1)[-1:].fill_(value))
    with pytest.raises(InputError, match="holds NaN or infinity"):
        read()


@pytest.fixture(scope="module")
def saved(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    AsukaPipeline.of(assembled(toy)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("part", PIPELINES)
def test_a_pipelines_folder_is_read_as_strictly(saved: Path, part: str, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "whole")
    AsukaPipeline.from_pretrained(str(tmp_path / "whole"))
    file = next((tmp_path / "whole" / part).glob("*.safetensors"))
    bytes_before = file.read_bytes()
    changed(file, lambda state, name: state.pop(name))
    with pytest.raises(InputError, match="missing|can be read there"):
        AsukaPipeline.from_pretrained(str(tmp_path / "whole"))
    file.write_bytes(bytes_before)
    changed(file, lambda state, name: state[name].view(-1)[-1:].fill_(torch.nan))
    with pytest.raises(InputError, match="holds NaN"):
        AsukaPipeline.from_pretrained(str(tmp_path / "whole"))
    file.unlink()
    for name in PICKLES:
        torch.save({"weight": Malicious(tmp_path / "made")}, file.with_name(name))
    with pytest.raises(InputError, match="the only kind that is opened"):
        AsukaPipeline.from_pretrained(str(tmp_path / "whole"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("read", [AsukaPipeline.from_pretrained, lambda path: any_pipeline(path)])
def test_code_in_a_folder_is_not_run(saved: Path, toy: Path, tmp_path: Path, read: Callable[[str], object]) -> None:
    folder, made = tmp_path / "code", tmp_path / "made"
    shutil.copytree(saved if read == AsukaPipeline.from_pretrained else toy / "base", folder)
    index = json.loads((folder / "model_index.json").read_text())
    code = f"import os\nos.mkdir({str(made)!r})\nfrom diffusers import UNet2DConditionModel as Net\nPipe = Net\n"
    (folder / "unet/net.py").write_text(code)
    (folder / "pipe.py").write_text(code)
    for change in ({"unet": ["net", "Net"]}, {"_class_name": ["pipe", "Pipe"]}):
        (folder / "model_index.json").write_text(json.dumps(index | change))
        with pytest.raises(InputError):
            read(str(folder))
        assert not made.exists()


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_any_pipeline_runs_no_pickle_and_lets_no_nan_in(toy: Path, part: str, tmp_path: Path) -> None:
    shutil.copytree(toy / "base", tmp_path / "base")
    file = next((tmp_path / "base" / part).glob("*.safetensors"))
    changed(file, lambda state, name: state[name].view(-1)[-1:].fill_(torch.nan))
    with pytest.raises(InputError, match="holds NaN"):
        any_pipeline(str(tmp_path / "base"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="makes no inpainting pipeline of it"):
        any_pipeline(str(tmp_path / "base"))
    file.unlink()
    for name in PICKLES:
        torch.save({"weight": Malicious(tmp_path / "made")}, file.with_name(name))
    with pytest.raises(InputError, match="makes no inpainting pipeline of it"):
        any_pipeline(str(tmp_path / "base"))
    assert not (tmp_path / "made").exists()


def any_pipeline(path: str) -> AnyPipeline:
    return AnyPipeline(path, "", 2, 1.0, None, "float32", 0)
