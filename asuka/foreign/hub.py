"""Whole repositories of the Hugging Face hub, kept in the library's own cache."""

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import snapshot_download

from asuka.errors import InputError, said
from asuka.foreign.place import offline


def snapshot(name: str, wanted: tuple[str, ...], left: tuple[str, ...], told: Mapping[str, object]) -> Path:
    """The folder of the repository `user/name`: its files like `wanted`, those like `left` excepted, fetched where they
    are not here. InputError where they cannot be had.

    told: options of `snapshot_download`, such as revision, cache_dir and token.
    """
    switch = offline()
    here = {"local_files_only": True} if switch else {}
    try:
        return Path(
            snapshot_download(name, allow_patterns=list(wanted), ignore_patterns=list(left), **{**told, **here})
        )
    except (OSError, ValueError) as error:
        cause = f"{switch} forbids to fetch it" if switch else said(error)
        raise InputError(
            f"{name}: no such folder or file, and no such repository of the hub is on this machine ({cause}); give a "
            "folder, a .safetensors file, or the name of a repository that can be reached"
        ) from error
