"""A server that does what a real one does only on bad days: dies, damages bytes, answers late.

Speaks real HTTP on loopback; each request takes the next answer of a list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """What to send; `hang_up` closes the connection after the headers' promise is half kept."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


@dataclass
class Received:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RudeServer:
    url: str
    answers: list[Answer]
    received: list[Received] = field(default_factory=list)


@contextmanager
def serving(*answers: Answer) -> Iterator[RudeServer]:
    """Serve the answers, one a request, on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            rude.received.append(Received(self.command, self.path, dict(self.headers), body))
            answer = rude.answers.pop(0)
            self.send_response(answer.status)
            headers = {"Content-Length": str(len(answer.body)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.hang_up:
                self.wfile.write(answer.body[: len(answer.body) // 2])
                self.close_connection = True
                return
            self.wfile.write(answer.body)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing: pytest owns the terminal."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    rude = RudeServer(f"http://127.0.0.1:{httpd.server_port}", list(answers))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield rude
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
