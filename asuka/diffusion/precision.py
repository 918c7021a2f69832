"""The precisions that a base's networks can have."""

import torch

from asuka.errors import InputError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def precision(dtype: str) -> torch.dtype:
    """What base.dtype=WORD names; InputError for a word that is none."""
    if dtype not in DTYPES:
        raise InputError(f"base.dtype={dtype}: there is no such precision; choose one of {', '.join(DTYPES)}")
    return DTYPES[dtype]
