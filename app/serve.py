"""The API process: uvicorn on a socket that is already bound (`--fd N`), or on host and port."""

from __future__ import annotations

import argparse
import socket

import uvicorn

from app.core import log, settings
from app.http.malformed import Protocol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a bound socket, so that a restart keeps the port")
    given = parser.parse_args()
    chosen = settings.load()
    log.configure(chosen, "api")
    config = uvicorn.Config(
        "app.main:app",
        host=chosen.host,
        port=chosen.port,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        # Streams (events, waits) are cut at shutdown: clients resume where they were.
        timeout_graceful_shutdown=3,
    )
    bound = [socket.socket(fileno=given.fd)] if given.fd is not None else None
    uvicorn.Server(config).run(sockets=bound)


if __name__ == "__main__":
    main()
