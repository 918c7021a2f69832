"""One file over HTTP, continued where an earlier attempt stopped."""

from pathlib import Path

import requests
from tqdm import tqdm

from asuka.errors import said

SECONDS = (15, 60)  # to connect, and between two pieces of an answer
BLOCK = 1 << 16  # what is lost of a broken connection is less than this
# The first that fits, in words; what requests says itself fills three lines.
WORDS = (
    (requests.exceptions.SSLError, "its certificate cannot be checked"),
    (requests.exceptions.ProxyError, "the proxy does not let it through"),
    (requests.exceptions.ConnectTimeout, "it does not answer"),
    (requests.exceptions.ReadTimeout, "it stopped answering"),
    (requests.exceptions.ChunkedEncodingError, "the connection broke"),
    (requests.exceptions.ConnectionError, "cannot connect"),
)
LOGIN = "; at the hub: accept its licence there and log in with `hf auth login`"


class MirrorError(Exception):
    """A mirror did not give the file; the text says what went wrong, and the next mirror may do better."""


class _BrokenError(MirrorError):
    """The connection ended early."""


def download(address: str, part: Path, headers: dict[str, str], login: tuple[str, str] | None) -> None:
    """Bring `part` to the whole of `address`, going on from the bytes it has; as long as it grows, a broken
    connection is taken up again. MirrorError for everything else.
    """
    while True:
        before = _length(part)
        try:
            _transfer(address, part, headers, login)
            return
        except _BrokenError as error:
            if _length(part) <= before:
                kept = f" after {before} bytes, which are kept" if before else ""
                raise MirrorError(f"{error}{kept}") from error


def explained(error: requests.RequestException) -> str:
    """What a failed request comes to, in a few words."""
    answer = error.response
    if answer is not None:
        return f"it answers {answer.status_code} {answer.reason}" + LOGIN * (answer.status_code in (401, 403))
    return next((words for kind, words in WORDS if isinstance(error, kind)), said(error, None))


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _transfer(address: str, part: Path, headers: dict[str, str], login: tuple[str, str] | None) -> None:
    start = _length(part)
    # The bytes as they lie there: some servers would unpack a .tar.gz on the way.
    asked = {**headers, "Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        with requests.get(address, headers=asked, auth=login, stream=True, timeout=SECONDS) as answer:
            if start and answer.status_code == 416:
                return  # Nothing lies behind our bytes: whole, or wrong, which the hash will tell.
            answer.raise_for_status()
            _append(answer, part, start if answer.status_code == 206 else 0)
    except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError, requests.Timeout) as error:
        raise _BrokenError(explained(error)) from error
    except requests.RequestException as error:
        raise MirrorError(explained(error)) from error


def _append(answer: requests.Response, part: Path, start: int) -> None:
    """Write an answer's body behind the first `start` bytes; a server without ranges begins at 0 again."""
    if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise MirrorError("it answers with another part of the file than was asked for")
    length = answer.headers.get("Content-Length")
    whole = start + int(length) if length else None
    name = part.name.removesuffix(".part")
    with (
        part.open("r+b" if start else "wb") as file,
        tqdm(desc=name, total=whole, initial=start, unit="B", unit_scale=True, leave=False, disable=None) as bar,
    ):
        file.seek(start)
        for block in answer.iter_content(BLOCK):
            file.write(block)
            bar.update(len(block))
    if whole is not None and _length(part) < whole:
        raise _BrokenError("the connection broke")
