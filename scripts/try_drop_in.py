"""An unmodified diffusers inpainting pipeline before and after its VAE is exchanged for the conditional one.

    python scripts/try_drop_in.py PHOTOS [--decoder tiny] [--base tiny] [--count 50]

PHOTOS is a folder or zip file of photographs, or `synthetic`. The pipeline is called as people call it: PIL pictures,
no prompt, a generator. Prints, with 95 % intervals over pictures, the known pixels' shift in what it returns, and the
excess of the seam once the known pixels are pasted back (dE76).
"""

import argparse

import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.errors import InputError
from asuka.image import paste, to_tensor, to_uint8
from asuka.metrics.seam import excess_seam_de, known_shift
from asuka.registry import locate
from asuka.seeding import seed_of
from asuka.training.log import intervals, table_text
from asuka.trial import add_arguments, begin
from decoder import ConditionalVae

STEPS = 50


def main() -> None:
    options = _parse()
    trial = begin(options, options.photos, {"decoder": options.decoder})
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(locate(options.base, "base")).to(trial.base.vae.device)
    pipeline.set_progress_bar_config(disable=True)
    vaes = {"before": pipeline.vae, "after": ConditionalVae(pipeline.vae, trial.decoders["decoder"].decoder)}
    rows: dict[str, list[Tensor]] = {f"{what}/{name}": [] for what in ("known_shift", "seam_de") for name in vaes}
    with tqdm(total=sum(map(len, trial.batches)), unit="picture") as bar:
        for batch in trial.batches:
            for number in range(len(batch)):
                one = batch.take([number])
                for name, vae in vaes.items():
                    pipeline.vae = vae
                    result = filled(pipeline, one, options.seed).to(one.image)
                    rows[f"known_shift/{name}"].append(known_shift(one.image, one.mask, result))
                    pasted = paste(one.image, one.mask, result)
                    rows[f"seam_de/{name}"].append(excess_seam_de(one.image, one.mask, pasted))
                bar.update()
    print(table_text(intervals({name: torch.cat(values) for name, values in rows.items()})))


def filled(pipeline: StableDiffusionInpaintPipeline, one: Batch, seed: int) -> Tensor:
    """What the pipeline makes of one picture (1, 3, H, W); the same noise whatever its VAE."""
    height, width = one.image.shape[-2:]
    result = pipeline(
        prompt="",
        image=Image.fromarray(to_uint8(one.image[0])),
        mask_image=Image.fromarray(to_uint8(2 * one.mask[0].expand(3, -1, -1) - 1)),
        generator=torch.Generator().manual_seed(seed_of(seed, "drop-in", *one.name)),
        guidance_scale=1.0,
        num_inference_steps=STEPS,
        height=height,
        width=width,
    )
    return to_tensor(result.images[0])[None]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS")
    parser.add_argument("--decoder", default="tiny", help="tiny, or a folder that stage=decoder wrote")
    add_arguments(parser, count=50)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from error
