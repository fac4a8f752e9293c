"""A layer's configuration with new sizes in it, and nothing else changed."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from worker.engine.graph import Cut
from worker.engine.graph.record import Edit


def edited(config: dict[str, Any], edits: Iterable[Edit], cut: Cut) -> dict[str, Any]:
    """A copy of `config` that every edit has been applied to."""
    result = without_build_configs(copy.deepcopy(config))
    for edit in edits:
        edit(result, cut)
    return dict(result)


def without_build_configs(value: Any) -> Any:
    """Inner layers remember the shapes that they were built with: let them be built anew."""
    if isinstance(value, dict):
        return {k: without_build_configs(v) for k, v in value.items() if k != "build_config"}
    if isinstance(value, list):
        return [without_build_configs(item) for item in value]
    return value
