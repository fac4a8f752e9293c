"""Errors as a person reads them: all in their language."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from app.web.answers import Answers, field_of
from app.web.labels import how_to_write, labels
from app.web.wording import in_words
from prunery.reports import phrases
from prunery.reports.language import Language
from prunery.reports.phrases import plain
from prunery.specs.errors import FieldError, Problem, PruneryError, in_request


@dataclass(frozen=True)
class Finding:
    """One line of an error summary: the field it leads to, and what to mend."""

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Told:
    """A problem as the form would speak of it; `findings` lead to its fields."""

    title: str
    detail: str
    findings: tuple[Finding, ...]
    hint: str


def tell(problem: Problem, language: Language) -> Told:
    """What happened, where, and what to do; a detail that repeats the first finding is left out."""
    errors = in_request(problem.errors)
    found = tuple(_named(one, Answers(), language) for one in errors)
    repeated = bool(errors) and errors[0].message in problem.detail

    def said(text: str) -> str:
        return in_words(plain(text, language), language, "")

    return Told(
        title=language.gettext(problem.title),
        detail="" if repeated else said(problem.detail),
        findings=found,
        hint=said(problem.hint),
    )


def note(text: str, language: Language) -> Markup:
    """What the engine says of a recipe's fields, in the form's words."""
    return Markup(in_words(phrases.tell(text, language), language, ""))  # noqa: S704 - told escapes


def findings(error: PruneryError, language: Language, field: str | None = None) -> list[Finding]:
    """Every finding of an error with the field it is about; `field` where the error names none."""
    errors = in_request(error.errors)
    if not errors:
        detail, hint = plain(error.detail, language), plain(error.hint, language)
        return [Finding(field or "preset", detail, hint)]
    return [Finding(field or field_of(one), plain(one.message, language)) for one in errors]


def of_recipe(error: PruneryError, answers: Answers, language: Language) -> list[Finding]:
    """A recipe's findings, each under the name of its field; what is no number is told so."""
    if not error.errors:
        return findings(error, language)
    return [_named(one, answers, language) for one in error.errors]


def _named(error: FieldError, answers: Answers, language: Language) -> Finding:
    """A finding under the name of its field, with its place in a file or in what is JSON."""
    field, message = field_of(error), plain(error.message, language)
    name = labels(language).get(field)
    if answers.is_unread(field):
        return Finding(field, f"{name}: {how_to_write(language, field)}")
    if field != "more":  # where JSON is written, its own words are right
        message = in_words(message, language, field)
    place = error.pointer.removeprefix("/recipe").removeprefix("/dataset").strip("/")
    inside = f" ({place.replace('/', '.')})" if field in ("dataset", "more") and place else ""
    return Finding(field, f"{name}{inside}: {message}" if name else message)
