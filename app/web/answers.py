"""What a person answered in the form: kept in the address, turned into a recipe.

The recipe's own rules judge it; their pointers lead back to the fields they speak of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from app.web import fields
from prunery.specs.errors import FieldError
from prunery.specs.presets import DEFAULT, PRESETS

SIMPLE_PRESETS = ("balanced", "smallest", "quick")
# Uploads of the form, and what is said of them and of the job.
_SIMPLE = ("model", "dataset", "preset", "name")
_KNOWN = (*_SIMPLE, "initial", "label_column", "control_none", *fields.CONTROLS, *fields.BY_NAME)
_POINTERS = {
    **fields.BY_POINTER,
    "/controls": "controls",
    "/initial_model": "initial",
    "/label_column": "label_column",
}
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Answers:
    """Every field as it was typed; empty means "as the preset says"."""

    typed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Answers:
        """From a form or an address; what is not ours is ignored, what is too long is cut."""
        cut = {name: given[name].strip()[:_MOST_CHARACTERS] for name in _KNOWN if name in given}
        return cls({name: words for name, words in cut.items() if words})

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def model(self) -> str:
        return self["model"]

    @property
    def preset(self) -> str:
        return self["preset"] if self["preset"] in PRESETS else DEFAULT

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """For hidden fields of the next form."""
        return [(name, words) for name, words in {**self.typed, "preset": self.preset}.items()]

    @property
    def query(self) -> str:
        """For an address: only what was filled in."""
        return urlencode(self.pairs)

    @property
    def is_special(self) -> bool:
        """Whether anything in the folded part is filled in, which then must not be folded."""
        return any(name not in _SIMPLE for name in self.typed) or self.preset not in SIMPLE_PRESETS

    def is_unread(self, name: str) -> bool:
        """Whether a field holds text that says nothing where more than text is wanted."""
        known = fields.BY_NAME.get(name)
        if known is None or known.read is fields.text or not self[name]:
            return False
        return isinstance(known.read(self[name]), str)

    def recipe(self) -> dict[str, Any]:
        """What is laid over the preset; what cannot be read stays text and is refused.

        The free part comes first: what has a field of its own is said there.
        """
        free = fields.whole(self["more"]) if self["more"] else {}
        made: dict[str, Any] = {"more": free} if isinstance(free, str) else free
        made["preset"] = self.preset
        given = [one for one in (*fields.OBJECTIVES, *fields.OTHERS) if self[one.name]]
        if any(one in fields.OBJECTIVES for one in given):
            made["objective"] = {}
        for one in given:
            put(made, one.path, one.read(self[one.name]))
        if (controls := self._controls()) is not None:
            made["controls"] = controls
        if self["granularity"] == "unit" and self.preset == "paper":
            put(made, ("schedule", "output_layer_fraction"), None)
        return made

    def _controls(self) -> list[str] | None:
        """What is ticked; else what fits where the preset's own does not; else the preset's."""
        units = (self["granularity"] or ("weight" if self.preset == "paper" else "unit")) == "unit"
        ticked = [names[not units] for box, names in fields.CONTROLS.items() if self[box]]
        if self["control_none"] or ticked:
            return ticked
        fitting = units != (self.preset == "paper")
        # The presets' random controls are of units, in "paper" of weights.
        return None if fitting else ["fresh_same_scale", "random_units" if units else "random_mask"]


def field_of(error: FieldError) -> str:
    """The form's field that a finding is about: the free part where none has its name."""
    pointer = error.pointer.removeprefix("/recipe")
    while pointer:
        if pointer in _POINTERS:
            return _POINTERS[pointer]
        pointer = pointer.rpartition("/")[0]
    head = error.pointer.lstrip("/").partition("/")[0]
    return head if head in ("model", "dataset", "preset") else "more"


def put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        inner = target.get(part)
        target[part] = inner if isinstance(inner, dict) else {}
        target = target[part]
    target[path[-1]] = value
