"""Files by their address, on this machine or in any store that fsspec speaks to."""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from asuka.errors import InputError, said

T = TypeVar("T")
WAITS = (1.0, 4.0, 16.0)  # seconds before a store that fails is asked again: one answer of a million does
# What stores raise beside OSError; a library is there only where its addresses are read.
OTHERS = {"aiohttp": "ClientError", "botocore.exceptions": "BotoCoreError", "requests": "RequestException"}


def length(address: str) -> tuple[int, str]:
    """The bytes of a file, and a mark that is another one when the file is ("" where its store gives none)."""
    told = _asked(address, lambda store, path: store.info(path))
    marks = (told.get(word) for word in ("ETag", "etag", "mtime", "updated", "created"))
    if told.get("size") is None or told.get("type") == "directory":
        raise InputError(f"{address}: is no file, or its store does not tell how long it is; give another place")
    return int(told["size"]), next((str(mark) for mark in marks if mark), "")


def part(address: str, start: int, stop: int) -> bytes:
    """Bytes `start` .. `stop` - 1 of a file, by one request. InputError where there are not so many."""
    data = _asked(address, lambda store, path: store.cat_file(path, start=start, end=stop))
    if len(data) != stop - start:
        raise InputError(
            f"{address}: gave {len(data)} bytes where {stop - start} were asked for, from byte {start}; copy it again, "
            "or take a server that answers requests for a part of a file"
        )
    return data


def text(address: str) -> str | None:
    """A small file, whole; None where there is none."""
    try:
        return _asked(address, lambda store, path: store.cat_file(path).decode("utf-8"), missing=FileNotFoundError)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise InputError(f"{address}: is no text ({error}); make it again") from error


def through(address: str, read: Callable[[object], T]) -> T:
    """What `read` makes of the opened file, which it goes through from front to back."""

    def opened(store: AbstractFileSystem, path: str) -> T:
        with store.open(path, "rb") as file:
            return read(file)

    return _asked(address, opened)


def below(folder: str) -> list[str]:
    """Addresses of what lies in a folder, sorted."""
    paths = _asked(folder, lambda store, path: store.ls(path, detail=False))
    return sorted(f"{folder.rstrip('/')}/{path.rstrip('/').rpartition('/')[2]}" for path in paths)


def _asked(address: str, ask: Callable[[AbstractFileSystem, str], T], missing: type[Exception] = InputError) -> T:
    """The store's answer, asked again where it fails. `missing`, and InputError for the rest, where there is none."""
    store, path = _store(address)
    for wait in (*WAITS, 0.0):
        try:
            return ask(store, path)
        except FileNotFoundError as error:
            raise missing(f"{address}: no such file; correct the path, or copy it there") from error
        except _failures() as error:
            refused = isinstance(error, PermissionError) or getattr(error, "status", 0) in (401, 403)
            if refused and missing is FileNotFoundError:  # which is how public stores say that there is none
                raise missing(address) from error
            why = said(error)
            if refused or not wait or isinstance(store, LocalFileSystem):
                raise InputError(
                    f"{address}: cannot be read ({why}); see that its store can be reached and lets you in, then "
                    "repeat the command"
                ) from error
        time.sleep(wait)
    raise AssertionError("the last wait is none")


def _store(address: str) -> tuple[AbstractFileSystem, str]:
    """Asked for anew by each process: fsspec keeps its connections, and does not hand them on to a fork."""
    try:
        return url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{address}: cannot be opened ({said(error)}); install the library that it names, "
            "or give a path on this machine"
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    here = (getattr(sys.modules[name], kind) for name, kind in OTHERS.items() if name in sys.modules)
    return (OSError, asyncio.TimeoutError, *here)
