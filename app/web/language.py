"""Which language a visitor reads: `?lang`, then the cookie, then what the browser prefers."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request

from prunery.reports.language import LANGUAGES, SOURCE, Language
from prunery.reports.render import words

COOKIE = "lang"
LOCALES = Path(__file__).parent / "locales"


def wanted(request: Request) -> str | None:
    """The language that the address asks for, if it is one of ours."""
    asked = request.query_params.get("lang")
    return asked if asked in LANGUAGES else None


def code_of(request: Request) -> str:
    """The visitor's language."""
    kept = request.cookies.get(COOKIE, "")
    return wanted(request) or (
        kept if kept in LANGUAGES else _preferred(request.headers.get("accept-language", ""))
    )


def of(request: Request) -> Language:
    """Words and numbers in the visitor's language."""
    return words(code_of(request), LOCALES)


def _preferred(header: str) -> str:
    """The first of ours by weight; a malformed weight counts as none."""
    best, weight = SOURCE, 0.0
    for part in header[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        code = tag.strip().split("-")[0].lower()
        try:
            asked = float(quality) if quality else 1.0
        except ValueError:
            continue
        if code in LANGUAGES and asked > weight:
            best, weight = code, asked
    return best
