"""Errors as a person reads them: all in their language."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from app.web import page
from app.web.answers import Answers, field_of
from app.web.labels import how_to_write, labels
from app.web.wording import in_words
from prunery.reports.language import Language
from prunery.reports.phrases import plain
from prunery.specs.errors import Problem, PruneryError


@dataclass(frozen=True)
class Finding:
    """One line of an error summary: the field it leads to, and what to mend."""

    field: str
    message: str
    hint: str = ""


def error_page(request: Request, problem: Problem) -> Response:
    """The page for a refused request; 401 asks for the key."""
    if problem.status == 401:
        wanted = request.url.path if request.method == "GET" else "/"
        context = {"next": wanted, "wrong": False}
        return page.answer(request, "signin.html", context, status=401)
    context = {"problem": problem, "address": quote(request.url.path[:200])}
    return page.answer(request, "error.html", context, status=problem.status)


def findings(error: PruneryError, language: Language, field: str | None = None) -> list[Finding]:
    """Every finding of an error with the field it is about; `field` where the error names none."""
    if not error.errors:
        detail, hint = plain(error.detail, language), plain(error.hint, language)
        return [Finding(field or "preset", detail, hint)]
    return [Finding(field or field_of(one), plain(one.message, language)) for one in error.errors]


def of_recipe(error: PruneryError, answers: Answers, language: Language) -> list[Finding]:
    """A recipe's findings, each under the name of its field; what is no number is told so."""
    names, made = labels(language), []
    for one in findings(error, language):
        message = in_words(one.message, language, one.field)
        if answers.is_unread(one.field):
            message = how_to_write(language, one.field)
        named = f"{names[one.field]}: {message}" if one.field in names else message
        made.append(Finding(one.field, named, one.hint))
    return made
