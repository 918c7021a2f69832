"""What scripts/count_flops.py does."""

from collections.abc import Callable

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import vgg16

from asuka.alignment import Alignment
from asuka.diffusion import sd15
from asuka.terminal import composed
from decoder import ConditionalDecoder
from mae.loss import random_drop
from mae.presets import build

RECIPES = ("paper_mae", "paper_align", "paper_decoder", "paper_prompt")
TEXT, PRIOR = 77, 256  # tokens that cross-attention reads


def table(tflops: float, utilisation: float) -> str:
    """Markdown: what each recipe computes, and the hours on a GPU of so many TFLOP/s at such a share of them."""
    lines = ["| recipe | pixels | GFLOP a picture | batch | steps | EFLOP | GPU-hours |", "|---|" + "---:|" * 6]
    for recipe in RECIPES:
        config = composed("train", [f"experiment={recipe}", "run_dir=-"])
        picture, loop = flops(recipe, config), config.loop
        total = picture * loop.batch * loop.steps
        hours = total / (tflops * 1e12 * utilisation) / 3600
        cells = [f"`{recipe}`", config.data.size, f"{picture / 1e9:.0f}", loop.batch, loop.steps]
        lines.append(f"| {' | '.join(map(str, [*cells, f'{total / 1e18:.0f}', f'{hours:.0f}']))} |")
    return "\n".join(lines)


def flops(recipe: str, config: DictConfig) -> float:
    """Floating-point operations (a multiplication and an addition are two) of one picture in one training step, on the
    true networks with weights that nobody needs."""
    return {"paper_mae": _mae, "paper_align": _align, "paper_decoder": _decoder, "paper_prompt": _prompt}[recipe](
        config
    )


def _mae(config: DictConfig) -> float:
    network = build(config.stage.preset)
    image, mask = _blank(network.config.image_size)
    hole = network.hole_patches(mask)
    dropped = random_drop(hole, torch.rand(hole.shape), config.stage.drop)
    return _counted(lambda: network(image, mask, dropped).sum().backward())


def _align(config: DictConfig) -> float:
    with torch.device("meta"):
        alignment = Alignment(build("base").token_dim, 768, config.stage.variant)
        tokens = torch.empty(1, PRIOR, alignment.project.in_features)
        step = _counted(lambda: _denoise(config.data.size, alignment(tokens)).sum().backward())
    return step + _latents(config.data.size) + _tokens()


def _prompt(config: DictConfig) -> float:
    with torch.device("meta"):
        prompt = torch.empty(1, config.stage.tokens, 768, requires_grad=True)
        step = _counted(lambda: _denoise(config.data.size, prompt).sum().backward())
    return step + _latents(config.data.size)


def _decoder(config: DictConfig) -> float:
    stage, size = config.stage, config.data.size
    with torch.device("meta"), torch.no_grad():
        contexts = [torch.empty(1, count, 768) for count in (TEXT, PRIOR)]
        null, prior = (_counted(lambda context=context: _denoise(size, context)) for context in contexts)
    with torch.device("meta"):
        alignment = Alignment(build("base").token_dim, 768)
        tokens = torch.empty(1, PRIOR, alignment.project.in_features)
        prior += _counted(lambda: alignment(tokens))
        network, trunk = ConditionalDecoder.like(sd15.vae()), vgg16().features.requires_grad_(False)
        latents, (image, mask) = torch.empty(1, 4, stage.crop // 8, stage.crop // 8), _blank(stage.crop)

        def learn() -> None:
            result = network(latents, image, mask)
            (trunk(result).sum() + trunk(image).sum()).backward()

        step = _counted(learn)
    estimated = stage.latent * (stage.prior * (prior + _tokens()) + (1 - stage.prior) * null)
    return step + _latents(size) * (1 + stage.colour / 2) + estimated


def _latents(size: int) -> float:
    """Of the picture and of the picture with a grey hole."""
    with torch.device("meta"), torch.no_grad():
        vae = sd15.vae()
        return 2 * _counted(lambda: vae.encode(_blank(size)[0]).latent_dist.mean)


def _tokens() -> float:
    """Of the MAE that sees a whole picture, at most."""
    network = build("base")
    with torch.no_grad():
        return _counted(lambda: network.tokens(*_blank(network.config.image_size)))


def _denoise(size: int, context: Tensor) -> Tensor:
    unet: nn.Module = sd15.unet(9).requires_grad_(False)
    return unet(torch.empty(1, 9, size // 8, size // 8), torch.zeros(1), context).sample


def _blank(size: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size)


def _counted(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()
