"""report.json to HTML: for pages, downloads, the archive and the command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from prunery import __version__
from prunery.reports import (
    agreement,
    assets,
    controls,
    facts,
    headline,
    kinds,
    ladder,
    measures,
    method,
    outputs,
    phrases,
    removal,
    trust,
)
from prunery.reports.charts import squares
from prunery.reports.language import LOCALES, Language, load, pick
from prunery.reports.numbers import Numbers
from prunery.specs.report import Report

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Story:
    """A report told in one language: everything the templates print."""

    report: Report
    headline: headline.Headline
    squares: Markup
    facts: tuple[facts.Fact, ...]
    outputs: tuple[outputs.Output, ...]
    controls: tuple[controls.Control, ...]
    ladder: ladder.Ladder | None
    trust: tuple[trust.Check, ...]
    agreement: agreement.Agreement | None
    kinds: tuple[kinds.Kinds, ...]
    removal: removal.Removal | None
    method: method.Method


def render(
    report: Report, *, locale: str = "en", standalone: bool = True, levels_url: str | None = None
) -> str:
    """One HTML page; `standalone` carries its style and font inside and asks for nothing.

    `levels_url` is where the slider's form goes; a report without one shows no slider.
    """
    language = load(pick(locale))
    context: dict[str, Any] = {
        "story": tell(report, language),
        "levels_url": levels_url,
        "version": __version__,
    }
    environment = make_environment(language)
    body = environment.get_template("report.html").render(context)
    if not standalone:
        return body
    stylesheet = assets.stylesheet_for(body)
    return environment.get_template("standalone.html").render(
        context,
        body=Markup(body),  # noqa: S704 - rendered by autoescaping templates just above
        stylesheet=Markup(stylesheet),  # noqa: S704 - our own file
        policy=Markup(assets.policy(stylesheet)),  # noqa: S704 - our own words
    )


def tell(report: Report, language: Language, level: int | None = None) -> Story:
    """Work out all words and charts; `level` is the step that the slider shows."""
    measure = measures.measure(report, language)
    return Story(
        report=report,
        headline=headline.compose(report, measure, language),
        squares=_squares(report, language),
        facts=facts.rows(report, measure, language),
        outputs=outputs.tell(report, language),
        ladder=ladder.tell(report, measure, language, level),
        controls=controls.rows(report, measure, language),
        trust=trust.checks(report, measure, language),
        agreement=agreement.tell(report, measure, language),
        kinds=kinds.tell(report, language),
        removal=removal.tell(report, language),
        method=method.tell(report, measure, language),
    )


@cache
def make_environment(language: Language, *folders: Path) -> Environment:
    """Autoescaping templates with this language's words and number filters."""
    loaders = [FileSystemLoader(folder) for folder in (*folders, TEMPLATES)]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]
        language.translations, newstyle=True
    )
    environment.globals["language"] = language
    numbers = Numbers(language)
    environment.filters["told"] = partial(phrases.tell, language=language)
    environment.filters["noted"] = environment.filters["told"]
    for name in NUMBER_FILTERS:
        environment.filters[name] = getattr(numbers, name)
    return environment


NUMBER_FILTERS = (
    "integer",
    "decimal",
    "significant",
    "percent",
    "signed",
    "bytes",
    "operations",
    "milliseconds",
    "times",
    "points",
    "duration",
    "time_left",
    "between",
    "date",
    "moment",
)


def words(code: str, *folders: Path) -> Language:
    """A language with the words of reports and of further folders."""
    return load(pick(code), *folders, LOCALES)


def _squares(report: Report, language: Language) -> Markup:
    numbers = Numbers(language)
    before, after = numbers.bytes(report.dense.size_bytes), numbers.bytes(report.compact.size_bytes)
    share = report.compact.size_bytes / max(report.dense.size_bytes, 1)
    return squares.draw(
        squares.Squares(
            before=report.dense.size_bytes,
            after=report.compact.size_bytes,
            before_label=language.gettext("Before: %(size)s", size=before),
            after_word=language.gettext("After:"),
            after_size=after,
            title=language.gettext("Both files, drawn to scale"),
            description=language.gettext(
                "A square for %(before)s and one for %(after)s, %(percent)s of its area.",
                before=before,
                after=after,
                percent=numbers.percent(share),
            ),
        )
    )
