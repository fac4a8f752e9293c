"""How much the loss of each output weighs, in a form that Keras 3 pairs with the losses.

Keras 2 took metrics as the third argument of `compile`, and 1 for an output that it was told no
weight of; Keras 3 fails at the first step.
"""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.calling import output_names


def settle(model: keras.Model, document: dict[str, Any], notes: list[str]) -> None:
    """Complete the weights of a compile configuration in place, or leave them out, with a note."""
    weights = document.get("loss_weights")
    if weights is None:
        return
    document["loss_weights"] = None
    names = output_names(model)
    given = keras.tree.flatten(weights)
    if not all(one is None or isinstance(one, int | float) for one in given):
        notes.append(
            "The model was compiled with loss_weights that are no numbers, as where metrics were "
            "meant: they were left out."
        )
    elif isinstance(weights, dict) and not set(weights) <= set(names):
        notes.append(
            "The model was compiled with loss_weights of "
            f"{', '.join(sorted(map(str, set(weights) - set(names))))[:200]}, which are no outputs "
            "of it: all of them were left out."
        )
    elif isinstance(weights, list | tuple) and len(given) != len(names):
        notes.append(
            f"The model was compiled with {len(given)} loss_weights for {len(names)} outputs: "
            "they were left out."
        )
    else:
        _pair(document, weights, names, notes)


def _pair(document: dict[str, Any], weights: Any, names: list[str], notes: list[str]) -> None:
    if isinstance(weights, dict):
        if missing := [name for name in names if weights.get(name) is None]:
            notes.append(
                f"loss_weights name no weight for {', '.join(missing)[:200]}: 1 is taken, as Keras "
                "2 does."
            )
    else:
        each = weights if isinstance(weights, list | tuple) else [weights] * len(names)
        weights = dict(zip(names, each, strict=True))
    full = {name: 1.0 if weights.get(name) is None else float(weights[name]) for name in names}
    loss = document.get("loss")
    if len(names) == 1:
        document["loss_weights"] = full[names[0]]
    elif isinstance(loss, list):
        document["loss_weights"] = list(full.values())
    else:
        document["loss_weights"] = full
        if not isinstance(loss, dict) or "class_name" in loss:
            document["loss"] = dict.fromkeys(names, loss)
