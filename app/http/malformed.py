"""What is no HTTP never reaches the application; its answer is a problem document all the same."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.http.problems import MEDIA_TYPE
from prunery.specs.errors import PruneryError


class Protocol(H11Protocol):
    """uvicorn's protocol, with our words for a request that cannot be parsed."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's own words
        error = PruneryError(
            "body_invalid",
            "This is not an HTTP request that can be read.",
            hint="Look at the request line and the headers: their form, their length.",
        )
        content = error.problem().model_dump_json(exclude_none=True).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
