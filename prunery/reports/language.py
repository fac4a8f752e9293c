"""The languages of pages and reports: English msgids, gettext catalogs beside the code.

Catalogs are read from their `.po` files at start, so nothing compiled can be stale.
"""

from __future__ import annotations

import gettext as stdlib_gettext
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
LANGUAGES: dict[str, str] = {"en": "English", "ru": "Русский"}
FORMATS = {"en": "en_GB", "ru": "ru"}
"""Whose dates and numbers each language writes."""
LOCALES = Path(__file__).parent / "locales"


@dataclass(frozen=True)
class Language:
    """One language: its words, and the Babel locale that its numbers and dates follow."""

    code: str
    locale: Locale
    translations: stdlib_gettext.NullTranslations

    def gettext(self, message: str, **values: object) -> str:
        """Translate, then fill in `%(name)s`."""
        return _fill(self.translations.gettext(message), values)

    def ngettext(self, one: str, many: str, count: int, **values: object) -> str:
        """Translate by a whole number; fractions go through `plural`."""
        return _fill(self.translations.ngettext(one, many, count), {"count": count, **values})

    def pgettext(self, context: str, message: str) -> str:
        """Translate a word whose meaning the context settles."""
        return self.translations.pgettext(context, message)


def pick(code: str | None) -> str:
    """The code of a language that we have: `code`, or English."""
    short = (code or "").replace("_", "-").split("-")[0].lower()
    return short if short in LANGUAGES else SOURCE


@cache
def load(code: str, *folders: Path) -> Language:
    """The language with the words of every folder; a word that is missing stays English."""
    words: stdlib_gettext.NullTranslations | None = None
    for folder in folders or (LOCALES,):
        catalog = _read(folder / f"{code}.po", code)
        if words is None:
            words = catalog
        else:
            words.add_fallback(catalog)
    assert words is not None  # noqa: S101 - the loop ran at least once
    return Language(code, Locale.parse(FORMATS[code]), words)


def _read(path: Path, code: str) -> stdlib_gettext.NullTranslations:
    if not path.exists():
        return stdlib_gettext.NullTranslations()
    with path.open("rb") as source:
        catalog = read_po(source, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return stdlib_gettext.GNUTranslations(compiled)


def _fill(text: str, values: dict[str, object]) -> str:
    return text % values if values else text
