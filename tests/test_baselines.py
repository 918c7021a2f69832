"""What single methods promise beyond the promises of all: known answers, and agreement with what they wrap."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import composed
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image
from standins import stand_in

from asuka import AsukaPipeline
from asuka.batch import Batch
from asuka.condition import Learned, frozen_mae, thought
from asuka.config import build
from asuka.diffusion.repaint import RePaint
from asuka.errors import InputError
from asuka.foreign.reading import read_script
from asuka.image import to_tensor, to_uint8
from asuka.inpaint import inpaint
from asuka.methods.any_pipeline import AnyPipeline
from asuka.methods.lama import Lama
from asuka.methods.mae_only import MaeOnly
from asuka.methods.opencv import OpenCV
from asuka.seeding import generator

METHODS = ("any_pipeline", "asuka", "blended", "lama", "mae_only", "opencv", "sd_prompt", "sd_repaint", "sd_text")


def blind(height: int, width: int, caption: str = "") -> Batch:
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, 20:51, 30:70] = 1
    return Batch(image, mask, ("one",), (caption,)).blind()


def test_any_pipeline_is_diffusers_run_by_hand(toy: Path) -> None:
    path = str(toy / "base")
    theirs = StableDiffusionInpaintPipeline.from_pretrained(path)
    theirs.set_progress_bar_config(disable=True)
    batch = blind(96, 128)
    for caption, prompt, read in (("", "a boat", "a boat"), ("snow", "a boat", "snow")):
        batch = blind(96, 128, caption)
        ours = AnyPipeline(path, prompt, 3, 4.0, None, "float32", 5)(batch)
        expected = theirs(
            read,
            image=(batch.image + 1) / 2,
            mask_image=batch.mask,
            num_inference_steps=3,
            guidance_scale=4.0,
            height=96,
            width=128,
            generator=generator(5, "any_pipeline", "one"),
            output_type="np",
        ).images[0]
        assert np.array_equal(to_uint8(ours[0]), np.rint(expected * 255).astype(np.uint8))
        assert to_uint8(ours[0]).std() > 1


def test_any_pipeline_mirrors_to_its_multiple_and_cuts_again(toy: Path) -> None:
    method = AnyPipeline(str(toy / "base"), "", 2, 1.0, None, "float32", 0)
    batch = blind(90, 125)
    padded = [np.pad(part[0].numpy(), ((0, 0), (0, 6), (0, 3)), "reflect") for part in (batch.image, batch.mask)]
    whole = Batch(*(torch.from_numpy(part)[None] for part in padded), batch.name, batch.caption)
    assert torch.equal(method(batch), method(whole)[..., :90, :125])


def test_any_pipeline_says_what_it_cannot_load(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="method.path: any_pipeline needs one"):
        build(composed("inpaint", "method=any_pipeline").method)
    for path in (tmp_path, toy / "mae"):
        with pytest.raises(InputError, match=f"method.path={path}: diffusers makes no inpainting pipeline of it"):
            AnyPipeline(str(path), "", 2, 1.0, None, "float32", 0)
    with pytest.raises(InputError, match="method.dtype=half: choose one of float32, bfloat16, float16"):
        AnyPipeline(str(toy / "base"), "", 2, 1.0, None, "half", 0)


def test_lama_is_shown_mirrored_pictures_from_0_to_1_and_1_in_the_hole(toy: Path) -> None:
    batch = blind(97, 131)
    pixels, hole = (np.pad(part[0].numpy(), ((0, 0), (0, 7), (0, 5)), "reflect") for part in (batch.image, batch.mask))
    network = read_script(toy / "lama.pt")
    with torch.no_grad():
        expected = network((torch.from_numpy(pixels)[None] + 1) / 2, torch.from_numpy(hole)[None])
    result = Lama(str(toy / "lama.pt"))(batch)
    assert torch.allclose(result, expected[..., :97, :131] * 2 - 1, atol=1e-6)
    assert (result - batch.image).abs()[batch.mask.expand_as(result) == 0].max() < 1e-6


def test_lama_is_found_by_name_and_what_is_no_script_is_refused(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASUKA_WEIGHTS_BIG_LAMA", str(toy / "lama.pt"))
    batch = blind(64, 80)
    assert torch.equal(build(composed("inpaint", "method=lama").method)(batch), Lama(str(toy / "lama.pt"))(batch))
    torch.save({"weight": torch.zeros(2)}, tmp_path / "state.pt")
    (tmp_path / "text.pt").write_text("none")
    for name in ("state.pt", "text.pt", "missing.pt"):
        with pytest.raises(InputError, match=f"{name} (cannot be read|does not exist)"):
            Lama(str(tmp_path / name))
    with pytest.raises(InputError, match="there are no weights 'big-lam'; did you mean big-lama"):
        Lama("big-lam")


by_algorithm = pytest.mark.parametrize(("algorithm", "flag"), [("telea", cv2.INPAINT_TELEA), ("ns", cv2.INPAINT_NS)])


def holed(pixels: np.ndarray, hole: np.ndarray) -> Batch:
    return Batch(to_tensor(pixels)[None], torch.from_numpy(hole)[None, None].float(), ("a",), ("",)).blind()


@by_algorithm
def test_opencv_is_opencv_and_keeps_what_is_known(algorithm: str, flag: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)
    hole = np.zeros((97, 131), np.uint8)
    hole[20:50, 10:70] = hole[80:90, 100:125] = 1
    result = OpenCV(algorithm, 3.0)(holed(pixels, hole))
    assert np.array_equal(to_uint8(result[0]), cv2.inpaint(pixels, hole, 3, flag))
    assert torch.equal(result[0, :, hole == 0], holed(pixels, hole).image[0, :, hole == 0])


def test_opencv_lets_no_grey_shine_through_at_the_border() -> None:
    pixels = np.broadcast_to(np.array([200, 40, 90], np.uint8), (40, 50, 3)).copy()
    hole = np.zeros((40, 50), np.uint8)
    hole[:, :25] = 1
    grey = np.where(hole[..., None] > 0, np.uint8(128), pixels)
    shown = [cv2.inpaint(under, hole, 3, cv2.INPAINT_TELEA) for under in (pixels, grey)]
    levels = to_uint8(OpenCV("telea", 3.0)(holed(pixels, hole))[0])
    assert np.array_equal(levels, shown[0]) and not np.array_equal(levels, shown[1])


@by_algorithm
@pytest.mark.parametrize("shape", [(1, 90), (60, 1), (2, 30), (1, 2)])
def test_opencv_repeats_itself_on_thin_pictures(algorithm: str, flag: int, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    hole = np.ones(shape, np.uint8)
    hole[-1, -1] = 0
    results = []
    for _ in range(5):
        results.append(OpenCV(algorithm, 3.0)(holed(pixels, hole)))
        np.random.default_rng(0).random((len(results), 4096))  # other memory lies around
    assert all(torch.equal(results[0], result) for result in results) and results[0].shape[-2:] == shape


def test_opencv_refuses_what_it_has_not() -> None:
    for algorithm, radius in (("tela", 3.0), ("ns", 0.0)):
        with pytest.raises(InputError, match=f"method.algorithm={algorithm}, .* one of telea, ns, the radius above 0"):
            OpenCV(algorithm, radius)


def test_mae_only_is_what_the_mae_thinks_at_its_own_size(toy: Path) -> None:
    method, batch = MaeOnly(str(toy / "mae")), blind(128, 128)
    assert method.side == 128 and torch.equal(method(batch), thought(frozen_mae(str(toy / "mae")), batch))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A photo of an odd size and its mask, and where the result goes."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    mask = Image.new("L", (131, 97), 0)
    mask.paste(255, (10, 10, 30, 25))
    mask.paste(255, (120, 80, 131, 97))
    mask.save(tmp_path / "mask.png")
    return [f"image={tmp_path}/a.png", f"mask={tmp_path}/mask.png", f"out={tmp_path}/out.png", "device=cpu"]


@pytest.mark.parametrize("name", METHODS)
def test_the_command_fills_by_every_kind_of_method(name: str, toy: Path, tmp_path: Path, files: list[str]) -> None:
    inpaint(composed("inpaint", *stand_in(f"method={name}", toy), *files))
    before, filled, hole = (np.array(Image.open(tmp_path / f"{one}.png")) for one in ("a", "out", "mask"))
    changed = (before != filled).any(-1)
    assert not changed[hole == 0].any() and changed[hole > 0].mean() > 0.9


def test_the_command_refuses_what_a_method_by_itself_cannot_do(toy: Path, files: list[str]) -> None:
    for word, said in (
        ("num_candidates=2", "prior=None, num_candidates=2: this method has no prior to show and makes one result"),
        ("prior=p.png", "prior=p.png, num_candidates=1: this method has no prior"),
        ("paste=glue", "paste=glue.*paste is one of exact, feather, none"),
    ):
        with pytest.raises(InputError, match=said):
            inpaint(composed("inpaint", *stand_in("method=opencv", toy), *files, word))


def drawn(pipeline: AsukaPipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8))
    mask = Image.new("L", (80, 90), 0)
    mask.paste(255, (10, 10, 40, 35))
    return np.array(pipeline(image, mask, names="a").images[0])


def test_a_pipeline_keeps_its_sampler_and_is_not_saved_as_another(toy: Path, tmp_path: Path) -> None:
    method = build(composed("inpaint", *stand_in("method=sd_repaint", toy)).method)
    made = AsukaPipeline.of(method)
    again = made.method(None, None, None)
    assert isinstance(again.sampler, RePaint) and again.calls == method.calls > again.steps
    sd = AsukaPipeline.of(build(composed("inpaint", *stand_in("method=sd", toy)).method))
    assert not np.array_equal(drawn(made), drawn(sd))
    with pytest.raises(InputError, match="the sampler is RePaint, which has no weights to be saved"):
        made.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_pipeline_with_a_learned_prompt_is_saved_and_loaded(toy: Path, tmp_path: Path) -> None:
    made = AsukaPipeline.of(build(composed("inpaint", *stand_in("method=sd_prompt", toy)).method))
    made.save_pretrained(tmp_path / "saved")
    again = AsukaPipeline.from_pretrained(tmp_path / "saved")
    assert isinstance(again.method(None, None, None).condition, Learned)
    assert np.array_equal(drawn(made), drawn(again))


def test_a_pipeline_with_img2img_shows_its_prior(toy: Path, files: list[str], tmp_path: Path) -> None:
    inpaint(composed("inpaint", *stand_in("method=img2img", toy), *files, f"prior={tmp_path}/prior.png"))
    assert Image.open(tmp_path / "prior.png").size == (131, 97)


def test_a_prompt_of_another_base_is_refused(toy: Path) -> None:
    words = [word for word in stand_in("method=sd_prompt", toy) if not word.startswith("base.")]
    with pytest.raises(InputError, match="prompt was trained with base weights .* train prompt again"):
        build(composed("inpaint", *words).method)


def test_captions_are_read_and_the_knob_where_there_is_none(toy: Path) -> None:
    words = stand_in("method=sd_text", toy)
    method = build(composed("inpaint", *words).method)
    for caption, read in (("", "background"), ("snow", "snow")):
        context = method.condition(method.base, blind(128, 128, caption))
        assert torch.equal(context.sequence, method.base.text_context((read,)).sequence)
    assert method.condition.text == "background"
