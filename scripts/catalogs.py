"""Keep the translation catalogs in step with the code: `python -m scripts.catalogs [--check]`.

Without arguments new messages are merged into every `.po` file. `--check` writes nothing and prints
what is missing, fuzzy, untranslated or no longer used; the exit code is 1 where there is any.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from prunery.reports.language import FORMATS, LANGUAGES, SOURCE
from prunery.reports.phrases import FOLDER as PHRASES
from prunery.specs.errors import CODES
from scripts.phrases import phrases

ROOT = Path(__file__).parent.parent
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
OPTIONS = {"**.html": {"trimmed": "true"}}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "say": None,
}


class Domain(NamedTuple):
    """A catalog per language, and what fills it with every message."""

    name: str
    locales: Path
    collect: Callable[[Catalog], None]


def _marked(folder: Path, catalog: Catalog) -> None:
    """The messages of a folder's code and templates, in a stable order and without line numbers."""
    found = extract_from_dir(
        folder, METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=("Translators:",)
    )
    for filename, _, message, comments, context in sorted(found, key=lambda item: item[:2]):
        place = (f"{folder.relative_to(ROOT)}/{filename}", None)
        catalog.add(message, None, [place], auto_comments=comments, context=context)


def _reports(catalog: Catalog) -> None:
    _marked(ROOT / "prunery" / "reports", catalog)


def _pages(catalog: Catalog) -> None:
    _marked(ROOT / "app" / "web", catalog)
    for kind in CODES.values():
        for text in (kind.title, kind.hint):
            catalog.add(text, None, [("prunery/specs/errors.py", None)])


def _phrases(catalog: Catalog) -> None:
    for name, text in phrases():
        catalog.add(text, None, [(name, None)])


DOMAINS = (
    Domain("reports", ROOT / "prunery" / "reports" / "locales", _reports),
    Domain("web", ROOT / "app" / "web" / "locales", _pages),
    Domain("phrases", PHRASES, _phrases),
)


def template(domain: Domain) -> Catalog:
    """Every message of the domain."""
    catalog = Catalog(project="Prunery", charset="utf-8")
    domain.collect(catalog)
    return catalog


def update(domain: Domain, code: str) -> None:
    """Merge new messages into the catalog of one language; unused ones are dropped."""
    path = domain.locales / f"{code}.po"
    catalog = _read(path, code)
    # A date that changes with every run would be a change without a word.
    written = catalog.creation_date
    catalog.update(template(domain), no_fuzzy_matching=True)
    catalog.creation_date = written
    catalog.obsolete.clear()
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as target:
        write_po(target, catalog, width=98, omit_header=False, ignore_obsolete=True)


def faults(domain: Domain, code: str) -> Iterator[str]:
    """What is wrong with one catalog, one line each."""
    path = domain.locales / f"{code}.po"
    catalog, wanted = _read(path, code), template(domain)
    name = path.relative_to(ROOT)
    have = {_key(message.id, message.context): message for message in catalog if message.id}
    want = {_key(message.id, message.context): message for message in wanted if message.id}
    yield from (f"{name}: missing: {key[0]}" for key in want if key not in have)
    yield from (f"{name}: stale: {key[0]}" for key in have if key not in want)
    for key, message in have.items():
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.fuzzy:
            yield f"{name}: fuzzy: {key[0]}"
        elif not all(strings):
            yield f"{name}: untranslated: {key[0]}"
        for error in message.check(catalog):
            yield f"{name}: {error}: {key[0]}"


def translated() -> tuple[str, ...]:
    """Every language but the one the code is written in."""
    return tuple(code for code in LANGUAGES if code != SOURCE)


def _read(path: Path, code: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=FORMATS[code], project="Prunery", charset="utf-8", fuzzy=False)
    with path.open("rb") as source:
        return read_po(source, locale=FORMATS[code])


def _key(message: str | tuple[str, ...] | list[str], context: str | None) -> tuple[str, str]:
    text = message if isinstance(message, str) else message[0]
    return text, context or ""


def main(arguments: list[str]) -> int:
    """Update, or check and report."""
    if "--check" not in arguments:
        for domain in DOMAINS:
            for code in translated():
                update(domain, code)
        return 0
    found = [line for d in DOMAINS for code in translated() for line in faults(d, code)]
    print("\n".join(found) or "catalogs are complete")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
