"""Which layers a path in a recipe means, and whether anything there can go.

A path covers its layer and everything inside of it: a nested model's layers, a wrapper's cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prunery.specs.errors import FieldError, pointer_to
from prunery.specs.models import GroupInfo
from prunery.specs.recipe import Recipe


def covers(path: str, layer: str) -> bool:
    """Whether `path` is the layer, or a model or wrapper around it."""
    return layer == path or layer.startswith(f"{path}/")


def share_of(layer: str, fractions: Mapping[str, float]) -> float | None:
    """The fraction that a recipe gives a layer; the path that says most wins, None without any."""
    paths = [path for path in fractions if covers(path, layer)]
    return fractions[max(paths, key=len)] if paths else None


def idle(
    recipe: Recipe, groups: Iterable[GroupInfo], kernels: Iterable[str]
) -> Iterator[FieldError]:
    """What leaves nothing to lose, of some layers or of all; pointers go into the recipe.

    Args:
        groups: of units that can go.
        kernels: paths of what holds kernels or embeddings; none where they are not known.
    """
    groups = list(groups)
    yield from _all_protected(recipe, groups, kernels := list(kernels))
    if recipe.granularity == "unit":
        yield from _too_round(recipe, groups)
        named = [name for group in groups for name in (group.name, *(group.own or group.layers))]
        why = "none of its units can go"
    else:
        named, why = kernels, "it holds no kernel and no embedding"
        if not named:
            return
    some = ", ".join(dict.fromkeys(named))[:300]
    for path, share in recipe.layer_fractions.items():
        if share and not any(covers(path, name) for name in named):
            instead = f"name one of these instead: {some}" if some else "leave it out"
            message = f"{path[:80]!r} has nothing to lose, {why}: {instead}."
            yield FieldError(pointer=pointer_to("layer_fractions", path), message=message)


def _too_round(recipe: Recipe, groups: list[GroupInfo]) -> Iterator[FieldError]:
    """A multiple that no group has and something to spare: every group would stay whole."""
    largest = max((group.units for group in groups), default=0)
    if 0 < largest <= recipe.round_to:
        message = (
            f"The largest group has {largest} units: every group would stay whole; write less."
        )
        yield FieldError(pointer="/round_to", message=message)


def _all_protected(
    recipe: Recipe, groups: list[GroupInfo], kernels: list[str]
) -> Iterator[FieldError]:
    """Protected layers that leave nothing to remove; a group goes whole, or not at all."""
    parts = [group.own or group.layers for group in groups]
    if recipe.granularity != "unit":
        parts = [(kernel,) for kernel in kernels]
    if parts and all(
        any(covers(path, layer) for path in recipe.protect for layer in part) for part in parts
    ):
        message = "Then nothing is left that could go: name fewer layers."
        yield FieldError(pointer="/protect", message=message)
