"""What the walk writes down: ids along the axes of variables, and how configurations follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from worker.engine.graph.ids import Ids, Reason


class Cut(Protocol):
    """A choice of what stays."""

    def keep(self, ids: np.ndarray) -> np.ndarray:
        """Positions of `ids` that stay, ascending."""


Edit = Callable[[dict[str, Any], Cut], None]


@dataclass
class Registered:
    """Ids along one axis of one variable; role is out, in, channel, bias, mean, stat or self."""

    variable: Any
    axis: int
    ids: np.ndarray
    role: str
    label: str = ""


@dataclass
class Rescale:
    """`variable` is multiplied by `(kept / all) ** power` of `ids` where the axis shrinks."""

    variable: Any
    ids: np.ndarray
    power: float


@dataclass
class Record:
    """Everything found, keyed by the identity of live objects of the model.

    flows: what is known of every symbolic tensor of the graph and of the models nested in it.
    least: ids of which at least so many must stay.
    """

    ids: Ids = field(default_factory=Ids)
    variables: dict[tuple[int, int], Registered] = field(default_factory=dict)
    edits: dict[int, list[Edit]] = field(default_factory=dict)
    argument_edits: dict[int, Callable[[Any, Any, Cut], tuple[Any, Any]]] = field(
        default_factory=dict
    )
    rescales: dict[int, Rescale] = field(default_factory=dict)
    tensors: dict[int, np.ndarray] = field(default_factory=dict)
    ports: dict[tuple[int, str], np.ndarray | None] = field(default_factory=dict)
    approximate: dict[str, Reason] = field(default_factory=dict)
    unread: dict[str, Reason] = field(default_factory=dict)
    flows: dict[int, Any] = field(default_factory=dict)
    least: list[tuple[np.ndarray, int]] = field(default_factory=list)

    def produce(self, variable: Any, axis: int, role: str = "out", label: str = "") -> np.ndarray:
        """The ids along an axis of a variable, new ones where it was not met before.

        label: what the units are, where a layer has units of several kinds.
        """
        known = self.variables.get((id(variable), axis))
        if known is None:
            ids = self.ids.fresh(int(variable.shape[axis]))
            known = Registered(variable, axis, ids, role, label)
            self.variables[id(variable), axis] = known
        return known.ids

    def register(
        self, variable: Any, axis: int, ids: np.ndarray, role: str, reason: Reason
    ) -> None:
        """Say which ids lie along an axis; met again (a shared layer), both are one."""
        axis %= len(variable.shape)
        known = self.variables.get((id(variable), axis))
        if known is None:
            self.variables[id(variable), axis] = Registered(variable, axis, ids, role)
        else:
            self.ids.unify(known.ids, ids, reason)

    def port(self, thing: Any, name: str, ids: np.ndarray | None, reason: Reason) -> None:
        """Say which ids one size of a shared thing follows; None: that size never changes."""
        key = (id(thing), name)
        if key not in self.ports:
            self.ports[key] = ids
            return
        known = self.ports[key]
        if known is None and ids is None:
            return
        if known is not None and ids is not None and len(known) == len(ids):
            self.ids.unify(known, ids, reason)
            return
        for one in (known, ids):
            if one is not None:
                self.ids.freeze(one, reason)

    def rescale(self, variable: Any, ids: np.ndarray, power: float) -> None:
        """Multiply a variable by `(kept / all) ** power` of `ids` when it is cut."""
        self.rescales[id(variable)] = Rescale(variable, ids, power)

    def edit(self, operation: Any, *edits: Edit) -> None:
        """Say how an operation's configuration follows a cut; a later call replaces an earlier."""
        self.edits[id(operation)] = list(edits)

    def tensor(self, ids: np.ndarray) -> None:
        """Note an axis of a tensor: it must never become empty."""
        self.tensors[id(ids)] = ids
