"""Promises of the front door: known pixels stay, a picture's result is its own, and everything odd is a sentence."""

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import composed
from diffusers import EulerDiscreteScheduler, StableDiffusionInpaintPipeline
from PIL import Image

from asuka import AsukaPipeline
from asuka.batch import Batch
from asuka.config import build
from asuka.errors import InputError, InputWarning
from asuka.image import upright_rgb

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pipeline(toy: Path) -> AsukaPipeline:
    made = AsukaPipeline.from_pretrained(toy)
    made.set_progress_bar_config(disable=True)
    made.register_to_config(steps=2)
    return made


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def hole(width: int, height: int, *boxes: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (width, height), 0)
    for box in boxes:
        mask.paste(255, box)
    return mask


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.array(one), np.array(other))


MODES = ("RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "I;16")


def inputs(count: int, seed: int) -> Iterator[tuple[Image.Image, np.ndarray]]:
    """Pictures of any size, aspect and mode with holes of any number of islands."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        width, height = (int(side) for side in np.exp(rng.uniform(0, np.log(400), 2)))
        mode, mask = MODES[number % len(MODES)], np.zeros((height, width), bool)
        for _ in range(rng.integers(1, 5)):
            top, left, reach = rng.integers(0, height), rng.integers(0, width), rng.choice([1, 20, 100, 400])
            mask[top : top + rng.integers(1, reach + 1), left : left + rng.integers(1, reach + 1)] = True
        pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
        deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        yield deep if mode == "I;16" else Image.fromarray(pixels).convert(mode), mask


def check(pipeline: AsukaPipeline, count: int, seed: int) -> None:
    for image, mask in inputs(count, seed):
        before = np.array(image.convert("RGBA") if image.has_transparency_data else upright_rgb(image))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            filled = pipeline(image, mask, num_inference_steps=1)
        one, record = filled.images[0], filled.records[0]
        assert one.size == image.size and one.mode == ("RGBA" if image.has_transparency_data else "RGB")
        assert np.array_equal(np.array(one)[~mask], before[~mask])
        assert np.array_equal(np.array(one)[..., 3:], before[..., 3:])  # alpha, in the hole too
        assert 0 <= record.known_change <= 255 and record.hole_ratio == mask.mean() and record.seconds > 0
        assert record.seam_de is None or np.isfinite(record.seam_de)


def test_any_picture_keeps_its_size_and_its_known_pixels(pipeline: AsukaPipeline) -> None:
    check(pipeline, 16, seed=1)


@pytest.mark.slow
def test_two_hundred_pictures_keep_their_size_and_their_known_pixels(pipeline: AsukaPipeline) -> None:
    check(pipeline, 200, seed=0)


def test_alone_batched_and_in_another_order_the_pictures_are_the_same(pipeline: AsukaPipeline) -> None:
    sizes = [(150, 90), (64, 140), (220, 150)]
    images = [photo(*size, seed=i) for i, size in enumerate(sizes)]
    masks = [hole(*size, (5, 5, 30, 40), (size[0] - 20, size[1] - 9, size[0], size[1])) for size in sizes]
    alone = [pipeline(image, mask).images[0] for image, mask in zip(images, masks, strict=True)]
    together = pipeline(images, masks).images
    backwards = pipeline(images[::-1], masks[::-1]).images[::-1]
    assert all(map(same, alone, together)) and all(map(same, alone, backwards))
    batched = pipeline(images, masks, batch_size=3).images
    for one, other in zip(alone, batched, strict=True):
        assert np.abs(np.array(one).astype(int) - np.array(other)).max() <= 1


def test_what_stands_beside_a_picture_in_its_batch_changes_no_bit_of_its_prior(pipeline: AsukaPipeline) -> None:
    method = pipeline.method(None, None, None)
    image, mask = torch.rand(3, 3, 128, 128, generator=torch.manual_seed(0)) * 2 - 1, torch.zeros(3, 1, 128, 128)
    for row, side in enumerate((40, 20, 90)):
        mask[row, :, 10 : 10 + side, 20 : 20 + side] = 1
    whole = Batch(image, mask, ("a", "b", "c"), ("",) * 3).blind()
    one, other = (method.context(whole.take(rows)).sequence for rows in ([0, 1], [2, 0]))
    assert torch.equal(one[0], other[1])


def test_seed_and_name_decide(pipeline: AsukaPipeline, tmp_path: Path) -> None:
    image, mask = photo(90, 70), hole(90, 70, (20, 20, 50, 40))
    first = pipeline(image, mask)
    assert same(first.images[0], pipeline(image, mask).images[0]) and first.records[0].seed == 0
    assert not same(first.images[0], pipeline(image, mask, seed=1).images[0])
    assert not same(first.images[0], pipeline(image, mask, names="a").images[0])
    image.save(tmp_path / "a.png")
    mask.save(tmp_path / "mask.png")
    by_name = pipeline(image, mask, names="a").images[0]
    assert same(by_name, pipeline(tmp_path / "a.png", str(tmp_path / "mask.png")).images[0])
    assert same(by_name, pipeline(Image.open(tmp_path / "a.png"), mask).images[0])


def test_a_generator_wins(pipeline: AsukaPipeline) -> None:
    def drawn(**knobs: object) -> list[Image.Image]:
        return pipeline([photo(90, 70)] * 2, hole(90, 70, (20, 20, 50, 40)), **knobs).images

    def source(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    first = drawn(generator=source(1), names=["a", "b"], seed=3)
    assert all(map(same, first, drawn(generator=source(1))))
    assert not same(*first)  # the second draw of one generator
    listed = drawn(generator=[source(1), source(1)])
    assert same(*listed) and same(first[0], listed[0])
    result = pipeline(photo(90, 70), hole(90, 70, (20, 20, 50, 40)), generator=source(1))
    assert result.records[0].seed is None


def test_what_lies_in_the_hole_does_not_matter(pipeline: AsukaPipeline) -> None:
    image, mask = photo(200, 160), hole(200, 160, (33, 41, 150, 97), (170, 5, 180, 20))
    other = image.copy()
    other.paste(photo(117, 56, 5), (33, 41))
    other.paste(photo(10, 15, 6), (170, 5))
    for paste in ("exact", "feather", "none"):
        one, two = (pipeline(each, mask, names="a", paste=paste).images[0] for each in (image, other))
        assert same(one, two)


def test_ways_to_paste(pipeline: AsukaPipeline) -> None:
    image, mask = photo(200, 160), hole(200, 160, (60, 50, 110, 90))
    before, inside = np.array(image).astype(int), np.array(mask) > 0
    exact, feather, none = (
        np.array(pipeline(image, mask, paste=paste, feather=4).images[0]) for paste in ("exact", "feather", "none")
    )
    assert np.array_equal(exact[~inside], before[~inside]) and np.array_equal(feather[~inside], before[~inside])
    assert np.array_equal(exact[inside], none[inside]) and not np.array_equal(exact[inside], feather[inside])
    assert np.array_equal(exact[54:86, 64:106], feather[54:86, 64:106])
    changed = np.abs(none - before)[~inside].max()
    assert changed == pipeline(image, mask).records[0].known_change > 0


def test_islands_get_windows_and_noise_of_their_own(pipeline: AsukaPipeline) -> None:
    flat = Image.new("RGB", (600, 300), (120, 130, 140))
    filled = pipeline(flat, hole(600, 300, (60, 60, 80, 80), (460, 60, 480, 80)))
    pixels = np.array(filled.images[0])
    assert len(filled.records[0].windows) == 2
    assert not np.array_equal(pixels[60:80, 60:80], pixels[60:80, 460:480])
    alone = np.array(pipeline(flat, hole(600, 300, (60, 60, 80, 80)), names=filled.records[0].name).images[0])
    assert np.array_equal(alone[60:80, 60:80], pixels[60:80, 60:80])


def test_a_hole_beyond_the_trained_size_is_worked_at_reduced_scale(pipeline: AsukaPipeline) -> None:
    record = pipeline(photo(400, 300), hole(400, 300, (100, 50, 250, 200))).records[0]
    assert record.scale == 128 / 300 and record.windows[0].side == 300
    with pytest.warns(InputWarning, match="big: a window is worked at 0.16 of its size, .* 0.25 to 4"):
        pipeline(photo(800, 700), hole(800, 700, (0, 0, 790, 500)), names="big")
    with pytest.warns(InputWarning, match="a window is worked at 8 of its size"):
        pipeline(photo(16, 16), hole(16, 16, (3, 3, 9, 9)))


def test_transparent_is_hole_without_a_mask_and_gets_opaque(pipeline: AsukaPipeline) -> None:
    image = photo(90, 70).convert("RGBA")
    image.putalpha(Image.eval(hole(90, 70, (20, 20, 50, 40)), lambda level: 255 - level))
    filled = pipeline(image, hole="alpha").images[0]
    assert filled.mode == "RGBA" and filled.getchannel("A").getextrema() == (255, 255)
    assert np.array_equal(np.array(filled)[:20], np.array(image)[:20])


def test_forms_of_input_and_output(pipeline: AsukaPipeline) -> None:
    images, mask = [photo(90, 70, i) for i in range(2)], hole(90, 70, (20, 20, 50, 40))
    expected = np.stack([np.array(image) for image in pipeline(images, mask).images])
    arrays = np.stack([np.array(image) for image in images])
    tensors = torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 255
    as_arrays = pipeline(arrays, np.array(mask) > 0, output_type="np").images
    as_tensors = pipeline(tensors, torch.from_numpy(np.array(mask))[None] / 255, output_type="pt").images
    assert as_arrays.shape == (2, 70, 90, 3) and np.array_equal(np.rint(as_arrays * 255), expected)
    assert as_tensors.shape == (2, 3, 70, 90) and torch.equal(as_tensors.permute(0, 2, 3, 1), torch.tensor(as_arrays))
    mixed = pipeline([images[0], photo(50, 40)], [mask, hole(50, 40, (0, 0, 9, 9))], output_type="pt").images
    assert [tuple(one.shape) for one in mixed] == [(3, 70, 90), (3, 40, 50)]


def test_every_step_is_seen_and_latents_may_be_changed(pipeline: AsukaPipeline) -> None:
    image, mask = photo(90, 70), hole(90, 70, (20, 20, 50, 40))
    heard = []

    def note(pipe: AsukaPipeline, number: int, step: torch.Tensor, given: dict) -> dict:
        heard.append((pipe is pipeline, number, int(step), sorted(given)))
        return given

    plain = pipeline(image, mask, num_inference_steps=4).images[0]
    assert same(plain, pipeline(image, mask, num_inference_steps=4, callback_on_step_end=note).images[0])
    assert heard == [(True, i, step, ["latents"]) for i, step in enumerate((999, 749, 499, 249))]
    calm = pipeline(image, mask, callback_on_step_end=lambda *seen: {"latents": seen[3]["latents"] * 0}).images[0]
    assert not same(plain, calm)


def test_the_progress_bar_counts_steps(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    AsukaPipeline.from_pretrained(toy)(photo(90, 70), hole(90, 70, (20, 20, 50, 40)), num_inference_steps=3)
    assert "3/3" in capsys.readouterr().err


def test_prior_scale(pipeline: AsukaPipeline, toy: Path) -> None:
    image, mask = photo(200, 160), hole(200, 160, (60, 50, 110, 90))
    words = ("method=sd", "method/decode=conditional", "method.steps=2")
    parts = (f"base.weights={toy}/base", f"method.decode.weights={toy}/decoder")
    sd = AsukaPipeline.of(build(composed("inpaint", *words, *parts).method))
    sd.set_progress_bar_config(disable=True)
    passes = []
    hook = pipeline.unet.register_forward_hook(lambda *_: passes.append(1))

    def drawn(scale: float) -> tuple[np.ndarray, int]:
        passes.clear()
        pixels = np.array(pipeline(image, mask, prior_scale=scale, names="a").images[0]).astype(int)
        return pixels, len(passes)

    none, half, whole, double = (drawn(scale) for scale in (0, 0.5, 1, 2))
    hook.remove()
    assert [count for _, count in (none, half, whole, double)] == [2, 4, 2, 4]
    assert np.array_equal(none[0], np.array(sd(image, mask, names="a").images[0]))
    assert np.array_equal(whole[0], np.array(pipeline(image, mask, names="a").images[0]))
    assert len({pixels.tobytes() for pixels, _ in (none, half, whole, double)}) == 4


def test_candidates_are_ranked_and_the_best_is_returned(pipeline: AsukaPipeline) -> None:
    images, mask = [photo(200, 160, i) for i in range(2)], hole(200, 160, (60, 50, 110, 90))
    filled = pipeline(images, mask, num_candidates=4, seed=5)
    for image, ranking, best, record in zip(images, filled.ranking, filled.images, filled.records, strict=True):
        assert sorted(one.record.seed for one in ranking) == [5, 6, 7, 8]
        assert best is ranking[0].image and record is ranking[0].record
        assert same(best, pipeline(image, mask, seed=record.seed).images[0])
        places = [
            [sorted(values).index(value) for value in values]
            for values in ([one.prior_gap for one in ranking], [one.record.seam_de for one in ranking])
        ]
        sums = [sum(pair) for pair in zip(*places, strict=True)]
        assert sums == sorted(sums)
    prior = pipeline.prior(images, mask)
    inside = np.array(mask) > 0
    assert np.array_equal(np.array(prior[0])[~inside], np.array(images[0])[~inside])
    gap = np.abs(np.array(filled.images[0]).astype(int) - np.array(prior[0]))[inside].mean()
    assert np.isclose(gap, filled.ranking[0][0].prior_gap)


def test_saved_and_loaded_elsewhere_it_draws_the_same(pipeline: AsukaPipeline, tmp_path: Path) -> None:
    image, mask = photo(200, 160), hole(200, 160, (60, 50, 110, 90))
    image.save(tmp_path / "photo.png")
    mask.save(tmp_path / "mask.png")
    pipeline.save_pretrained(tmp_path / "saved")  # its two steps go along
    code = (
        "from asuka import AsukaPipeline\n"
        f"made = AsukaPipeline.from_pretrained('{tmp_path}/saved')\n"
        f"made('{tmp_path}/photo.png', '{tmp_path}/mask.png').images[0].save('{tmp_path}/a.png')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, timeout=120)
    expected = pipeline(tmp_path / "photo.png", tmp_path / "mask.png").images[0]
    assert same(expected, Image.open(tmp_path / "a.png"))
    index = json.loads((tmp_path / "saved" / "model_index.json").read_text())
    assert index["mae"] == ["mae.model", "MaskedAutoencoder"] and index["decoder"][1] == "ConditionalDecoder"


def test_the_folder_opens_as_stable_diffusion_inpainting(pipeline: AsukaPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    theirs = StableDiffusionInpaintPipeline.from_pretrained(tmp_path)
    for part in ("vae", "unet", "text_encoder"):
        for name, weight in getattr(pipeline, part).state_dict().items():
            assert torch.equal(weight, getattr(theirs, part).state_dict()[name])
    theirs.set_progress_bar_config(disable=True)
    image, mask = photo(128, 128), hole(128, 128, (20, 20, 50, 40))
    assert theirs("", image, mask, height=128, width=128, num_inference_steps=1).images[0].size == (128, 128)


def test_a_repository_of_the_hub_is_loaded_from_its_cache(pipeline: AsukaPipeline, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--someone--asuka" / "snapshots" / "0123"
    pipeline.save_pretrained(snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    made = AsukaPipeline.from_pretrained("someone/asuka", cache_dir=tmp_path, local_files_only=True)
    assert torch.equal(made.unet.conv_in.weight, pipeline.unet.conv_in.weight)
    with pytest.raises(InputError, match="someone/else: no such folder or file, and no such repository of the hub"):
        AsukaPipeline.from_pretrained("someone/else", cache_dir=tmp_path, local_files_only=True)


def test_a_pipeline_that_reads_captions_is_not_saved_as_another(toy: Path, tmp_path: Path) -> None:
    words = ("method=sd", "method/condition=caption", f"base.weights={toy}/base")
    made = AsukaPipeline.of(build(composed("inpaint", *words).method))
    with pytest.raises(InputError, match="the condition is Caption, which has no weights to be saved"):
        made.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_what_is_no_pipeline_is_refused(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a StableDiffusionInpaintPipeline and no AsukaPipeline"):
        AsukaPipeline.from_pretrained(toy / "base")
    with pytest.raises(InputError, match="no weights at .*; give a folder that stage="):
        AsukaPipeline.from_pretrained(tmp_path)


def test_parts_may_be_exchanged_and_strangers_are_refused(toy: Path, tmp_path: Path) -> None:
    made = AsukaPipeline.from_pretrained(toy)
    made.register_to_config(fingerprints={**made.config.fingerprints, "base": "another"})
    with pytest.raises(InputError, match="align was trained with base weights .*, but these are another"):
        made(photo(90, 70), hole(90, 70, (20, 20, 50, 40)))
    made = AsukaPipeline.from_pretrained(toy)
    made.scheduler = EulerDiscreteScheduler.from_config(made.scheduler.config)
    with pytest.raises(InputError, match="the scheduler is a EulerDiscreteScheduler, and only DDIM"):
        made(photo(90, 70), hole(90, 70, (20, 20, 50, 40)))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_other_precisions_draw_too(toy: Path, kind: torch.dtype) -> None:
    made = AsukaPipeline.from_pretrained(toy, torch_dtype=kind)
    made.set_progress_bar_config(disable=True)
    image, mask = photo(200, 160), hole(200, 160, (60, 50, 110, 90))
    one = np.array(made(image, mask, num_inference_steps=2).images[0])
    other = np.array(AsukaPipeline.from_pretrained(toy)(image, mask, num_inference_steps=2).images[0])
    assert np.abs(one.astype(int) - other).max() <= (24 if kind == torch.bfloat16 else 1)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"mask_image": None}, "there is no mask; give mask_image, or hole=alpha"),
        ({"mask_image": []}, "0 masks for 1 pictures; give one, or one for each"),
        ({"names": ["a", "b"]}, "2 names for 1 pictures"),
        ({"generator": [torch.Generator()] * 3}, "3 generators for 1 pictures"),
        ({"paste": "glue"}, "paste=glue.*paste is one of exact, feather, none"),
        ({"output_type": "jpeg"}, "output_type=jpeg.* of pil, np, pt"),
        ({"callback_on_step_end_tensor_inputs": ["prompt_embeds"]}, "the inputs are latents or none"),
        ({"batch_size": 0}, "batch_size and num_candidates are at least 1"),
        ({"feather": -1}, "feather at least 0"),
        ({"num_inference_steps": 0}, "num_inference_steps=0: give a number from 1"),
        ({"num_inference_steps": 1001}, "num_inference_steps=1001: give a number from 1"),
        ({"hole": "red"}, "hole=red"),
        ({"mask_image": hole(30, 20, (0, 0, 5, 5))}, "30 x 20 pixels and the image 20 x 20"),
        ({"mask_image": hole(20, 20)}, "no white pixel"),
        ({"image": []}, "there is no picture"),
    ],
)
def test_mistakes_are_sentences(pipeline: AsukaPipeline, knobs: dict[str, object], said: str) -> None:
    given = {"image": photo(20, 20), "mask_image": hole(20, 20, (3, 3, 9, 9)), **knobs}
    with pytest.raises(InputError, match=said):
        pipeline(**given)


def test_what_a_picture_loses_is_said_with_its_name(pipeline: AsukaPipeline) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (70, 90, 3)).astype(np.uint16)
    with pytest.warns(InputWarning, match="a: its 16 bits per channel are reduced to 8"):
        pipeline(deep, hole(90, 70, (3, 3, 9, 9)), names="a")
    with pytest.warns(InputWarning, match="the prompt is not read"):
        pipeline(photo(90, 70), hole(90, 70, (3, 3, 9, 9)), prompt="a cat")


def test_offloading_changes_nothing(pipeline: AsukaPipeline, toy: Path) -> None:
    made = AsukaPipeline.from_pretrained(toy)
    made.set_progress_bar_config(disable=True)
    made.enable_model_cpu_offload(device="cpu")  # the hooks are those of a GPU
    image, mask = photo(200, 160), hole(200, 160, (60, 50, 110, 90))
    for _ in range(2):
        again = made(image, mask, num_inference_steps=2, prior_scale=0.5).images[0]
        assert same(again, pipeline(image, mask, num_inference_steps=2, prior_scale=0.5).images[0])
