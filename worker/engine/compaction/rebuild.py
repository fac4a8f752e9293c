"""The compact model: the live graph built anew, smaller, with the same weights.

Layers are made from their own configuration in which only sizes differ, and called on new tensors
in the old order. (`keras.models.clone_model` cannot give a nested model another input shape.)
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import tree

from prunery.specs.errors import PruneryError
from worker.engine.assets import copy_assets
from worker.engine.compaction.cloning import clone
from worker.engine.compaction.configuration import Axes, cut_constants, edited
from worker.engine.compaction.optimizer import compile_like, not_carried
from worker.engine.compaction.slices import copy_states, copy_weights, rescaling
from worker.engine.graph import Cut, Graph, Kept
from worker.engine.graph.walk import graph_of, nodes_in_order
from worker.engine.masks import key_of, variable_keys


@dataclass(frozen=True)
class Compacted:
    """A smaller model, and what was done to get it.

    keep: kept indices by variable key and axis, for every variable that shrank.
    rescaled: factor by key of the variables that were multiplied.
    folded: keys of the variables that took in a constant.
    not_removed: why a layer (or a variable) stayed as it was.
    """

    model: keras.Model
    keep: dict[str, dict[int, np.ndarray]]
    rescaled: dict[str, float] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    not_removed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def compact(model: keras.Model, graph: Graph, kept: Kept, *, compiled: bool = True) -> Compacted:
    """Remove every unit that is not in `kept`; groups that are not named keep all of theirs.

    The given model stays as it is. Weights are sub-tensors bit for bit, in order. What is trained
    next, or only looked at, need not be `compiled`, with an optimizer and all of its slots.

    Raises:
        PruneryError: `not_proven` when the smaller graph does not fit together, `internal` when
            the graph is another model's.
    """
    if key_of(model).keys() != graph.keys.keys():
        raise PruneryError("internal", "the graph was read from another model")
    keep = graph.keep(kept)
    smaller = _Builder(graph, graph.cut(kept)).model(model)
    if list(variable_keys(smaller)) != list(variable_keys(model)):
        # Keras names what wrappers hold by how it was built; the upload was built from a file.
        smaller = clone(smaller)
    rescaled = copy_weights(model, smaller, graph, kept, keep)
    copy_states(model, smaller)
    copy_assets(model, smaller)
    notes = compile_like(model, smaller, keep) if compiled else not_carried(model)
    stayed = {info.layer: info.reason for info in graph.frozen}
    return Compacted(smaller, keep, rescaled, not_removed=stayed, notes=notes)


def described(graph: Graph, kept: Kept, smaller: keras.Model) -> Compacted:
    """What `compact` says of a cut whose smaller model is at hand already."""
    stayed = {info.layer: info.reason for info in graph.frozen}
    return Compacted(smaller, graph.keep(kept), rescaling(graph, kept), not_removed=stayed)


class _Builder:
    """Builds each operation once, however often it is called or shared."""

    def __init__(self, graph: Graph, cut: Cut) -> None:
        self._record = graph.record
        self._cut = cut
        self._axes: Axes = {}
        for one in graph.registered:
            self._axes.setdefault(id(one.variable), {})[one.axis] = cut.keep(one.ids)
        self._made: dict[int, Any] = {}

    def model(self, model: Any) -> Any:
        """A smaller twin of a Functional or Sequential model; any other is cloned whole."""
        functional = graph_of(model)
        if functional is None:
            raise PruneryError("not_proven", f"{model.name} is not made of layers alone")
        twin = (
            self._sequential(model)
            if type(model) is keras.Sequential
            else self._functional(model, functional)
        )
        self._made[id(model)] = twin
        return twin

    def _sequential(self, model: Any) -> Any:
        return keras.Sequential(
            [self._operation(layer) for layer in model._layers], name=model.name
        )

    def _functional(self, model: Any, functional: Any) -> Any:
        tensors: dict[int, Any] = {}
        for tensor in functional.inputs:
            tensors[id(tensor)] = self._operation(tensor._keras_history.operation).output
        for node in nodes_in_order(functional):
            if any(id(tensor) not in tensors for tensor in node.input_tensors):
                continue
            outputs = self._call(node, tensors)
            for old, new in zip(node.outputs, tree.flatten(outputs), strict=True):
                tensors[id(old)] = new

        def swap(tensor: Any) -> Any:
            return tensors[id(tensor)]

        with warnings.catch_warnings():
            # A dict of inputs whose keys are not the inputs' names warns, as the upload did.
            warnings.simplefilter("ignore", UserWarning)
            return type(model)(
                tree.map_structure(swap, functional._inputs_struct),
                tree.map_structure(swap, functional._outputs_struct),
                name=model.name,
            )

    def _call(self, node: Any, tensors: dict[int, Any]) -> Any:
        args, kwargs = node.arguments.fill_in(tensors)
        edit = self._record.argument_edits.get(id(node))
        if edit is not None:
            args, kwargs = edit(args, kwargs, self._cut)
        operation = self._operation(node.operation)
        try:
            return operation(*args, **kwargs)
        except (ValueError, TypeError) as error:
            detail = f"{operation.name} does not fit into the smaller model: {error}"
            raise PruneryError("not_proven", detail[:600]) from error

    def _operation(self, operation: Any) -> Any:
        made = self._made.get(id(operation))
        if made is None:
            made = (
                self.model(operation)
                if graph_of(operation) is not None
                else self._from_config(operation)
            )
            self._made[id(operation)] = made
        return made

    def _from_config(self, operation: Any) -> Any:
        config = edited(
            operation.get_config(), self._record.edits.get(id(operation), ()), self._cut
        )
        cut_constants(config, operation, self._axes)
        if type(operation) in (keras.layers.TimeDistributed, keras.layers.SpectralNormalization):
            # The inner layer may be a whole model, which is built from its own live graph.
            config["layer"] = self._operation(operation.layer)
            made = type(operation)(**config)
        else:
            made = type(operation).from_config(config)
        if made.name != operation.name:
            made.name = operation.name
        return made
