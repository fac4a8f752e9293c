"""Can labels be read as the recipe says?"""

from __future__ import annotations

from typing import Literal

LabelKind = Literal[
    "integers", "strings", "one_hot", "multi_label", "values", "per_position", "none"
]
ONLY_PHOTOS = 'Only photos in folders are resized: write "auto".'
_WIDE = {
    "one_hot": ("one_hot", "multi_label", "values"),
    "multi_label": ("multi_label", "values"),
    "values": ("values",),
}


def refusal(asked: str, kind: LabelKind, width: int | None, single: bool, loss: str) -> str | None:
    """Why not, and what to write instead; None where they can.

    Args:
        asked: the recipe's `data.labels`.
        kind: what the labels look like.
        width: numbers that the model answers an example with.
        single: whether a label is one number.
        loss: a sparse one takes no columns.
    """
    fitting = _fitting(kind, width, single)
    if single and kind in ("integers", "strings") and width != 1 and "sparse" not in loss:
        fitting = (*fitting, "one_hot")
    if asked == "auto" or kind == "none" or asked in fitting:
        return None
    if not fitting:
        return 'These labels cannot be read so: write "auto".'
    return f'These labels cannot be read so: write "{fitting[0]}" or "auto".'


def _fitting(kind: LabelKind, width: int | None, single: bool) -> tuple[str, ...]:
    if kind == "strings":
        return ("integers",)
    if kind == "per_position":
        return ()
    if not single:
        return _WIDE.get(kind, ("values",))
    # Numbers of more than a thousand kinds look like values until a model says otherwise.
    return ("integers", "values") if width == 1 else ("integers",)
