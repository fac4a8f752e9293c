"""Stylesheet and font: linked by the pages, carried inside a report that stands alone."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_FONT = re.compile(r"url\(fonts/([a-z-]+\.woff2)\)")
_FACE = re.compile(r"@font-face \{[^}]*\}\n?")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


def stylesheet_for(body: str) -> str:
    """The whole stylesheet with the font inside; Cyrillic only where the text has any."""
    return _stylesheet(bool(_CYRILLIC.search(body)))


@cache
def _stylesheet(cyrillic: bool) -> str:
    text = _COMMENT.sub("", (STATIC / "style.css").read_text("utf-8"))
    if not cyrillic:
        text = _FACE.sub(lambda face: "" if "cyrillic" in face[0] else face[0], text)
    text = _FONT.sub(lambda found: f"url({_data_uri(found[1])})", text)
    return re.sub(r"\n\s*", "\n", text).strip()


def policy(stylesheet: str) -> str:
    """The report's own content policy: its style by hash, its font, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(stylesheet.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; font-src data:"


def _data_uri(name: str) -> str:
    content = (STATIC / "fonts" / name).read_bytes()
    return f"data:font/woff2;base64,{base64.b64encode(content).decode()}"
