"""A job as answers: what a person would fill in to ask for it again, and then change.

What the preset says anyway stays empty. What no field can write, because its list has no such entry
or its text cannot be read back, is left to the free part as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.web import fields
from app.web.answers import Answers, put
from app.web.options import Options, options
from prunery.reports.language import Language
from prunery.specs import presets
from prunery.specs.job import JobView
from prunery.specs.recipe import Recipe

Path = tuple[str, ...]
Writer = Callable[[Any], str]


def recall(job: JobView, language: Language, usual_deadline: int) -> Answers:
    """The answers that ask for `job`; a deadline that every job has is none of them."""
    uploads = {"model": job.model, "dataset": job.dataset, "initial": job.initial_model}
    found = {**uploads, "name": job.name, **of_recipe(job.recipe, language, usual_deadline)}
    return Answers({name: words for name, words in found.items() if words})


def of_recipe(recipe: Recipe, language: Language, usual_deadline: int) -> dict[str, str]:
    """What to type for a recipe."""
    preset = recipe.preset or presets.DEFAULT
    asked = recipe.model_dump(mode="json", exclude={"preset"})
    usual = presets.resolve({"preset": preset}).model_dump(mode="json")
    if asked["deadline_seconds"] == usual_deadline:
        asked["deadline_seconds"] = None
    left: dict[str, Any] = {}
    if asked["objective"] != usual["objective"]:
        usual["objective"] = dict.fromkeys(usual["objective"])  # it is replaced whole
        if asked["objective"] == usual["objective"]:
            left["objective"] = {}
    typed, lists = {"preset": preset}, options(language)
    for path, value in _differences(asked, usual):
        name = fields.BY_POINTER.get("/" + "/".join(path), "")
        words = _words(name, value, lists)
        if words is not None:
            typed[name] = words
        elif path != ("controls",):
            put(left, path, value)
    implied = Answers(typed).recipe().get("controls", usual["controls"])
    if asked["controls"] != implied:
        typed |= _ticks(asked)
    return {**typed, "more": json.dumps(left)} if left else typed


def _differences(
    asked: Mapping[str, Any], usual: Mapping[str, Any], above: Path = ()
) -> Iterator[tuple[Path, Any]]:
    """Every field, as deep as the form knows them, that says something else."""
    for key, value in asked.items():
        path, before = (*above, key), usual.get(key)
        is_field = "/" + "/".join(path) in fields.BY_POINTER
        if isinstance(value, dict) and isinstance(before, dict) and not is_field:
            yield from _differences(value, before, path)
        elif value != before:
            yield path, value


def _words(name: str, value: Any, lists: Mapping[str, Options]) -> str | None:
    """What to type into a field; None where it cannot say this."""
    field = fields.BY_NAME.get(name)
    if field is None or value is None:
        return None
    words = _WRITERS[field.read](value).strip()
    on_list = name not in lists or words in dict(lists[name])
    return words if words and on_list and field.read(words) == value else None


def _ticks(asked: Mapping[str, Any]) -> dict[str, str]:
    masks = asked["granularity"] != "unit"
    ticked = [box for box, kinds in fields.CONTROLS.items() if kinds[masks] in asked["controls"]]
    return dict.fromkeys(ticked or ["control_none"], "yes")


def _points(value: float) -> str:
    return f"{value * 100:.12g}"


def _flag(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value))


def _listed(value: list[Any]) -> str:
    return ", ".join(map(str, value))


def _pairs(value: Any) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(f"{name}={number}" for name, number in value.items())


_WRITERS: dict[fields.Reader, Writer] = {
    fields.text: str,
    fields.number: str,
    fields.share: str,
    fields.points: _points,
    fields.flag: _flag,
    fields.sizes: _listed,
    fields.names: _listed,
    fields.shares: _pairs,
    fields.weights: _pairs,
}
