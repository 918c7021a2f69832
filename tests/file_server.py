"""A small HTTP server on this machine with the faults that real mirrors have."""

import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server holds (path -> bytes), what is wrong with it, and what it was asked: (path, range)."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut: int | None = None  # an answer carries no more bytes, then the connection ends
    stop: int | None = None  # no answer carries bytes behind this place of a file
    asked: list[tuple[str, str]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, site: Site, *socket: object) -> None:
        self.site = site
        super().__init__(*socket)

    def do_GET(self) -> None:  # noqa: N802
        wanted = self.headers.get("Range", "")
        self.site.asked.append((self.path, wanted))
        if self.path not in self.site.files:
            self.send_error(404)
            return
        content = self.site.files[self.path]
        begin, _, last = (wanted if self.site.ranges else "").removeprefix("bytes=").partition("-")
        start = int(begin or 0)
        if start and start >= len(content):
            self.send_error(416)
            return
        content = content[: int(last) + 1] if last else content
        self.send_response(206 if start or last else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
        self.end_headers()
        self.wfile.write(self._sent(content, start))

    def _sent(self, content: bytes, start: int) -> bytes:
        ends = [len(content)]
        if self.site.cut is not None:
            ends.append(start + self.site.cut)
        if self.site.stop is not None:
            ends.append(max(start, self.site.stop))
        return content[start : min(ends)]

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at `asked`."""


def serve() -> tuple[ThreadingHTTPServer, Site]:
    """A running server and its site; shut it down when done."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site))
    site.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, site
