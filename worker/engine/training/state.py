"""The full state of a training: what a rewind must bring back, all of it.

Kernels, biases, normalisation parameters and statistics; optimizer slots, step and rate; the
random generators of the layers; the order of the data and the place in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from worker.engine import arrays, masks
from worker.engine.arrays import Arrays, OnDemand
from worker.engine.training.slots import optimizer_keys
from worker.engine.variables import Held, put_all


@dataclass(frozen=True)
class State:
    """Arrays by key; `step` counts from the very first step, `seed` gives the order of the data.

    optimizer: None means fresh slots. rng: empty means seeded by the plan.
    """

    weights: Arrays
    optimizer: Arrays | None = None
    rng: Arrays = field(default_factory=dict)
    step: int = 0
    seed: int | None = None

    def restarted(self) -> State:
        """The same weights at the beginning of a training of their own: fine-tuning."""
        return State(weights=self.weights)

    def cut(self, keep: Mapping[str, Mapping[int, Any]]) -> State:
        """Keep, of each named weight and of its slots, only the given indices of each axis."""

        def cut_one(key: str, value: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
            axes = keep.get(key)
            if axes is None or weight is None or weight.shape != value.shape:
                return value
            for axis, indices in axes.items():
                value = np.take(value, np.asarray(indices), axis=int(axis))
            return np.ascontiguousarray(value)

        weights = {key: cut_one(key, value, value) for key, value in self.weights.items()}
        slots = None
        if self.optimizer is not None:
            slots = {}
            for name, value in self.optimizer.items():
                key = weight_key(name, self.weights)
                slots[name] = cut_one(key, value, self.weights.get(key))
        return replace(self, weights=weights, optimizer=slots)

    def save(self, path: Path) -> None:
        """Write an .npz without pickles; types NumPy does not know travel as bytes."""
        arrays.write(path, self._entries())

    @staticmethod
    def load(path: Path) -> State:
        """What `save` wrote, each array read from the file when it is asked for."""
        return State.from_arrays(arrays.read(path))

    def arrays(self, prefix: str = "") -> dict[str, np.ndarray]:
        """One flat dictionary, for an archive that may hold more."""
        return {prefix + name: value for name, value in self._entries()}

    def _entries(self) -> Iterator[tuple[str, np.ndarray]]:
        """Arrays by name; types that NumPy does not know as bytes, and `about` names them."""
        parts = {"weights": self.weights, "optimizer": self.optimizer or {}, "rng": self.rng}
        strange = {}
        for part, group in parts.items():
            for key, value in group.items():
                name = f"{part}/{key}"
                if value.dtype.kind == "V":
                    strange[name] = str(value.dtype)
                yield name, value.view(np.uint8) if name in strange else value
        about = {
            "step": self.step,
            "seed": self.seed,
            "fresh_slots": self.optimizer is None,
            "dtypes": strange,
        }
        yield "about", np.array(json.dumps(about))

    @staticmethod
    def from_arrays(flat: Arrays, prefix: str = "") -> State:
        """Undo `arrays`."""
        about = json.loads(str(flat[f"{prefix}about"]))
        keys: dict[str, list[str]] = {"weights": [], "optimizer": [], "rng": []}
        for name in flat:
            part, _, key = name.removeprefix(prefix).partition("/")
            if name.startswith(prefix) and part in keys:
                keys[part].append(key)

        def group(part: str) -> OnDemand:
            def make(key: str) -> np.ndarray:
                value = flat[f"{prefix}{part}/{key}"]
                dtype = about["dtypes"].get(f"{part}/{key}")
                return value.view(_dtype(dtype)) if dtype else value

            return OnDemand(keys[part], make)

        return State(
            weights=group("weights"),
            optimizer=None if about["fresh_slots"] else group("optimizer"),
            rng=group("rng"),
            step=about["step"],
            seed=about["seed"],
        )


@dataclass(frozen=True)
class Places:
    """The variables that a full state is taken from and put back into, by key."""

    weights: Mapping[str, Any]
    slots: Mapping[str, Any] | None
    rng: Mapping[str, Any]

    @staticmethod
    def of(model: keras.Model, optimizer: Any | None = None) -> Places:
        """Those of a model and, where given, of its built optimizer."""
        return Places(
            weights=masks.variable_keys(model),
            slots=optimizer_keys(optimizer, model) if optimizer and optimizer.built else None,
            rng=generators(model),
        )

    def state(self, *, step: int = 0, seed: int | None = None) -> State:
        """The full state as it is now."""
        return State(
            weights=Held(self.weights),
            optimizer=None if self.slots is None else Held(self.slots),
            rng=Held(self.rng),
            step=step,
            seed=seed,
        )

    def put(self, state: State) -> None:
        """Put a state back. Raises ValueError where something is missing or of another shape."""
        put_all(self.weights, state.weights, "weight")
        if state.rng:
            put_all(self.rng, state.rng, "random generator")
        if self.slots is not None and state.optimizer is not None:
            _put_slots(self.slots, state.optimizer)


def capture(
    model: keras.Model, optimizer: Any | None = None, *, step: int = 0, seed: int | None = None
) -> State:
    """The full state of a model and, where given, of its built optimizer, as it is now."""
    return Places.of(model, optimizer).state(step=step, seed=seed)


def restore(model: keras.Model, optimizer: Any | None, state: State) -> None:
    """Put a state back, in place.

    An unbuilt optimizer is built; one that follows a schedule of its own keeps it. Raises
    ValueError where a weight or slot is missing or has another shape.
    """
    if optimizer is not None and state.optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    Places.of(model, optimizer).put(state)


def restore_slots(model: keras.Model, optimizer: Any, saved: Arrays) -> None:
    """Put back the slots and the step of a built optimizer, in place."""
    _put_slots(optimizer_keys(optimizer, model), saved)


def _put_slots(slots: Mapping[str, Any], saved: Arrays) -> None:
    values = matching(saved, slots)
    put_all({key: slots[key] for key in values}, values, "optimizer slot")


def matching(slots: Arrays, wanted: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The values for an optimizer's variables, by its own names.

    Rates are left out: they are the plan's business. An optimizer inside a loss-scaling one and the
    same optimizer alone find each other's slots; the scale itself then starts anew. Raises
    ValueError where a slot is missing.
    """
    target, source = _is_wrapped(wanted), _is_wrapped(slots)
    found = {}
    for key in wanted:
        name = key if target == source else f"inner/{key}" if source else _inside(key)
        if key.endswith("learning_rate") or name is None:
            continue
        if name not in slots:
            raise ValueError(f"the state has no optimizer slot {key}")
        found[key] = slots[name]
    return found


def _is_wrapped(keys: Mapping[str, Any]) -> bool:
    return any(key.startswith("inner/") for key in keys)


def _inside(key: str) -> str | None:
    return key.removeprefix("inner/") if key.startswith("inner/") else None


def generators(model: keras.Model) -> dict[str, Any]:
    """The states of the layers' random generators, by key."""
    weights = masks.key_of(model)
    everything = masks.variable_keys(model, seeds=True)
    return {
        key: variable
        for key, variable in everything.items()
        if id(variable) not in weights and variable.name == "seed_generator_state"
    }


def seed_generators(model: keras.Model, seed: int) -> None:
    """Start every random generator anew, each from a stream of its own."""
    for index, variable in enumerate(generators(model).values()):
        first = int(np.random.SeedSequence([seed, index]).generate_state(1)[0]) % 2**31
        variable.assign(np.array([first, 0]).astype(str(variable.dtype)))


def weight_key(slot: str, weights: Mapping[str, Any]) -> str:
    """The key of the weight that a slot's name ends in, or the name itself."""
    rest = slot
    while rest:
        rest = rest.partition("/")[2]
        if rest in weights:
            return rest
    return slot


def _dtype(name: str) -> Any:
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name))
