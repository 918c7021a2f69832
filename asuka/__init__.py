"""ASUKA: image inpainting that neither invents objects nor shifts colours, on a frozen latent diffusion model.

The map:  `asuka.train` trains one stage, `asuka.sweep` many, `asuka.inpaint` fills holes, `asuka.evaluate` measures a
method, `asuka.compare` several. `pipeline.py` the front door, `methods/` ways to fill a hole, `condition.py` what the
hole should contain, `decode.py` how latents become pixels, `alignment.py` the module of the paper, `diffusion/` the
frozen model, `stages/` what is learned, `training/` the loop, `data/` pictures and holes, `metrics/` how results are
judged, `evaluation/` their numbers and tables, `foreign/` weights from elsewhere (`python -m asuka.weights`). The prior
is the peer package `mae`, the conditional decoder the peer package `decoder`.
"""

import importlib


def __getattr__(name: str) -> object:
    """`AsukaPipeline` on first use, so that `import asuka` stays quick (PEP 562)."""
    if name == "AsukaPipeline":
        return importlib.import_module("asuka.pipeline").AsukaPipeline
    raise AttributeError(f"module 'asuka' has no attribute '{name}'")
