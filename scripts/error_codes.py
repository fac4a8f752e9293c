"""Write docs/errors.md from the table in prunery/specs/errors.py: `make docs`."""

from __future__ import annotations

from pathlib import Path

from prunery.specs.errors import CODES

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

INTRODUCTION = """# Error codes

Every answer that is not a success is `application/problem+json` (RFC 9457) with one of these codes;
a failed job carries the same document in `error`. A code never changes its meaning or status.

Generated from `prunery/specs/errors.py` by `make docs`; a test compares them.

| code | status | what it is | what to do |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [
        f"| `{code}` | {kind.status} | {kind.title} | {kind.hint.replace('|', '&#124;')} |\n"
        for code, kind in sorted(CODES.items())
    ]
    return INTRODUCTION + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
