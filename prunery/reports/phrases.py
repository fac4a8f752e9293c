"""What the service says in English, told in the reader's language.

The engine writes plain English sentences, and JSON keeps them. Their catalog holds templates
(`scripts.phrases` collects them from the code); a sentence is recognised by its template, and the
values in it are told in turn, since a sentence may quote another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from prunery.reports.language import LOCALES, SOURCE, Language

FOLDER = LOCALES / "phrases"
_VALUE = re.compile(r"%\((\w+)\)s")
_LETTER = re.compile(r"[^\W\d_]")
_BETWEEN = re.compile(r"(?<=[.!?]) (?=\S)")
_EDGES = re.compile(r"(\s*)(.*?)([\s:,;]*)", re.DOTALL)
LONGEST = 2000
"""Characters of a text that is looked at; matching one of strangers' names must stay cheap."""
FEW_LETTERS = 5
"""A template of so few fits nearly everything: one of its values must be a phrase itself."""


@dataclass(frozen=True)
class Phrase:
    """One template and its translation, both with `%(name)s` for the values."""

    template: str
    translation: str

    @property
    def letters(self) -> int:
        """How much of it is fixed."""
        return len(_LETTER.findall(_VALUE.sub("", self.template)))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = _VALUE.split(self.template.replace("%%", "%"))
        fixed, names = parts[::2], parts[1::2]
        made = re.escape(fixed[0])
        for name, words in zip(names, fixed[1:], strict=True):
            made += f"(?P<{name}>.*?){re.escape(words)}"
        return re.compile(made, re.DOTALL)


def tell(text: str | None, language: Language) -> Markup:
    """`text` for a page; what has no translation stays and is marked as English."""
    if not text or language.code == SOURCE:
        return escape(text or "")
    return Markup(" ").join(
        escape(said) if said is not None else Markup('<span lang="en">{}</span>').format(part)
        for part, said in _parts(text, language)
    )


def plain(text: str | None, language: Language) -> str:
    """`text` for where no markup can be: attributes, sentences that quote it."""
    if not text or language.code == SOURCE:
        return text or ""
    return " ".join(part if said is None else said for part, said in _parts(text, language))


def _parts(text: str, language: Language) -> list[tuple[str, str | None]]:
    """The text in runs of sentences that are one phrase, each with what it is told as.

    Phrases may hold several sentences, and quote some: of all ways to cut the text, the one that
    tells most sentences, by the most telling templates.
    """
    words = language.gettext(text)
    if words != text:
        return [(text, words)]
    sentences = _BETWEEN.split(text)
    ways: list[tuple[int, int, list[tuple[str, str | None]]]] = [(0, 0, [])]
    for start in reversed(range(len(sentences))):
        found = []
        for count, (sentences_told, letters, rest) in enumerate(ways, 1):
            part = " ".join(sentences[start : start + count])
            told = _phrase(part, language.code)
            if told is not None:
                scores = sentences_told + count, letters + told.letters
                found.append((*scores, [(part, told.text), *rest]))
            elif count == 1:
                found.append((sentences_told, letters, [(part, None), *rest]))
        ways.insert(0, max(found, key=lambda way: way[:2]))
    return ways[0][2]


class Told(NamedTuple):
    """A phrase in the reader's words, and how many letters of its template say that it is it."""

    text: str
    letters: int


@lru_cache(maxsize=4096)
def _phrase(text: str, code: str) -> Told | None:
    """`text` by the most telling template that fits, else piece by piece."""
    if len(text) > LONGEST:
        return None
    for phrase in phrases(code):
        found = phrase.pattern.fullmatch(text)
        if found is None:
            continue
        values = {name: _value(value, code) for name, value in found.groupdict().items()}
        if phrase.letters >= FEW_LETTERS or values != found.groupdict():
            return Told(phrase.translation % values, phrase.letters)
    told = _in_two(text, code)
    return None if told is None else Told(told, 0)


def _in_two(text: str, code: str) -> str | None:
    """A text without a template, by what stands on both sides of a semicolon, colon or comma."""
    for mark in ("; ", ": "):
        head, mark_there, rest = text.partition(mark)
        if mark_there:
            told = f"{_value(head, code)}{mark}{_value(rest, code)}"
            return told if told != text else None
    head, comma, rest = text.rpartition(", ")
    if not comma:
        return None
    first, second = _value(head, code), _value(rest, code)
    # Commas are in names, too: only what is all phrases is a list of them.
    return f"{first}, {second}" if first != head and second != rest else None


def _value(text: str, code: str) -> str:
    """A value: a phrase itself, perhaps begun small or without its stop, or as it is."""
    found = _EDGES.fullmatch(text)
    if found is None or not found[2]:
        return text
    before, inner, after = found.groups()
    for said, end in ((inner, ""), (inner.removesuffix("."), "." if inner.endswith(".") else "")):
        told = _phrase(said, code)
        if told is not None:
            return f"{before}{told.text}{end}{after}"
        small = _phrase(said[0].upper() + said[1:], code) if said[:1].islower() else None
        if small is not None:
            return f"{before}{small.text[0].lower()}{small.text[1:]}{end}{after}"
    return text


@cache
def phrases(code: str) -> tuple[Phrase, ...]:
    """Every phrase of a language, those with the most fixed words first."""
    path = FOLDER / f"{code}.po"
    if not path.exists():
        return ()
    with path.open("rb") as source:
        catalog = read_po(source, locale=code)
    found = [Phrase(str(one.id), str(one.string)) for one in catalog if one.id and one.string]
    return tuple(sorted(found, key=lambda phrase: -phrase.letters))
