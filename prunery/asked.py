"""The recipe a person asks for on a command line: a preset, a file, and single settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_recipe(
    preset: str | None = None, file: Path | None = None, settings: Sequence[str] = ()
) -> dict[str, Any]:
    """Lay single settings over a file over a preset's name; the server or engine resolves it.

    The file is a recipe, or the report.json of a job, whose recipe is taken.
    A setting is `key.path=value`; the value is JSON, or else a plain string:
    `training.epochs=5`, `rewind.to=initial`, `objective={"density": 0.1}`.

    Raises: ValueError where the file or a setting cannot be read.
    """
    recipe = _read_file(file) if file is not None else {}
    if preset is not None:
        recipe["preset"] = preset
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise ValueError(f"{setting!r} is not of the form key.path=value")
        _put(recipe, key.split("."), _value(value))
    return recipe


def _read_file(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is not a JSON file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold one JSON object")
    method = content.get("method")
    if isinstance(method, dict) and isinstance(method.get("recipe"), dict):
        return dict(method["recipe"])
    return content


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(recipe: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inside = recipe.setdefault(parent, {})
        if not isinstance(inside, dict):
            raise ValueError(f"{'.'.join(path)}: {parent} is already set to {inside!r}")
        recipe = inside
    recipe[last] = value
