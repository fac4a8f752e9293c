"""SVG text escapes accessibility checkers, so the token pairs of the charts are tested here."""

from __future__ import annotations

import re

import pytest

from prunery.reports.assets import STATIC

TEXT_PAIRS = [
    ("ink", "paper"), ("ink", "card"), ("muted", "paper"), ("muted", "card"),
    ("leaf", "paper"), ("leaf", "card"), ("clay", "paper"), ("clay", "card"),
    ("slate", "card"), ("on-leaf", "leaf"), ("on-leaf", "clay"), ("leaf", "leaf-soft"),
    ("clay", "clay-soft"), ("ink", "leaf-soft"), ("muted", "leaf-soft"), ("red", "card"),
]  # fmt: skip
EDGE_PAIRS = [("edge", "paper"), ("edge", "card"), ("focus", "paper"), ("focus", "card")]


def tokens(theme: str) -> dict[str, tuple[float, float, float]]:
    text = (STATIC / "style.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", text, re.DOTALL)[:2]
    found = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", light))
    if theme == "dark":
        found |= dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", dark))
    return {
        name: tuple(int(value[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[misc]
        for name, value in found.items()
    }


def luminance(colour: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("pair", TEXT_PAIRS)
def test_text_is_legible(theme: str, pair: tuple[str, str]) -> None:
    found = tokens(theme)
    assert contrast(found[pair[0]], found[pair[1]]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("pair", EDGE_PAIRS)
def test_controls_have_visible_edges(theme: str, pair: tuple[str, str]) -> None:
    found = tokens(theme)
    assert contrast(found[pair[0]], found[pair[1]]) >= 3
