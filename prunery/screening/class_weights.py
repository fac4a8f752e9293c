"""Do the class weights of a recipe name outputs and classes that there are?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prunery.specs.errors import FieldError, pointer_to

NO_CLASSES = "The labels are no classes: leave it out."


def unfit(
    given: object, known: Mapping[str, tuple[str, ...] | None], outputs: Sequence[str]
) -> Iterator[FieldError]:
    """What is wrong with `training.class_weight`.

    known: names of the classes of each output with labels; none where they are no classes, None
        where the names are not known.
    """
    if not known:
        return
    if all(classes == () for classes in known.values()):
        yield _weight((), NO_CLASSES)
        return
    if not isinstance(given, Mapping):
        return
    able = [name for name in outputs if known.get(name, ()) != ()]
    by_class = is_by_class(given)
    if by_class and len(outputs) > 1:
        inside = ", ".join(f'"{name}": {{...}}' for name in able)
        message = f"The model has several outputs: say which one is meant, {{{inside}}}."
        yield _weight((), message)
        return
    for name, weights in ({outputs[0]: given} if by_class else given).items():
        if name not in able:
            some = ", ".join(able)
            message = f"No output answers with classes under this name; these do: {some}."
            yield _weight((name,), message)
        elif isinstance(weights, Mapping):
            before = () if by_class else (name,)
            yield from _class_names(before, weights, known[name])


def is_by_class(given: Mapping[str, object]) -> bool:
    """Whether weights are by class, and not by output first."""
    return any(isinstance(value, int | float) for value in given.values())


def _class_names(
    before: tuple[str, ...], given: Mapping[str, object], classes: tuple[str, ...] | None
) -> Iterator[FieldError]:
    for name in given:
        if classes is not None and name not in classes:
            some = ", ".join(classes[:20])[:300]
            message = f"There is no class {name[:80]!r}; classes are: {some}."
            yield _weight((*before, name), message)


def _weight(place: tuple[str, ...], message: str) -> FieldError:
    return FieldError(pointer=pointer_to("training", "class_weight", *place), message=message)
