"""ASUKA from where its parts lie: embedded, in a folder, or in a repository of the hub."""

from pathlib import Path

from asuka.condition import aligned
from asuka.decode import Plain, conditional
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.samplers import Concat
from asuka.foreign.hub import snapshot
from asuka.methods.diffusion import DiffusionInpainter
from asuka.registry import ASSETS

# Options of a download; the others of `from_pretrained` are for loading.
HUB = ("cache_dir", "force_download", "local_files_only", "revision", "token")


def folder_of(name: str, options: dict[str, object]) -> Path:
    """The folder that is meant by `tiny`, by a path or by `user/name`; what of `options` is for the hub is taken out.

    InputError where there is none.
    """
    hub = {key: options.pop(key) for key in HUB if key in options}
    if name == "tiny":
        return ASSETS / name
    if Path(name).is_dir():
        return Path(name)
    # diffusers itself refuses to download parts whose classes are not its own.
    return snapshot(name, ("*",), (), hub)


def assembled(folder: Path) -> DiffusionInpainter:
    """ASUKA from the parts that the stages wrote: base/, mae/, align/, and decoder/ where there is one."""
    decode = conditional(str(folder / "decoder")) if (folder / "decoder").exists() else Plain()
    condition = aligned(str(folder / "align"), str(folder / "mae"))
    return DiffusionInpainter(pretrained(str(folder / "base")), condition, Concat(), decode, 50, 0, 1.0)
