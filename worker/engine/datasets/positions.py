"""Labels at every position of an output: segmentation, sequences, masks."""

from __future__ import annotations

import numpy as np

from prunery.screening.outputs import Output
from worker.engine.datasets.occurrences import Numbers, range_text
from worker.engine.datasets.plans import Plan, argmax, default_names, floats, one_hot
from worker.engine.datasets.refusals import mismatch


def numbered(output: Output, numbers: Numbers) -> Plan:
    """A class number at every position."""
    width = output.width or 1
    if not numbers.whole or numbers.low < 0 or numbers.high >= width:
        raise mismatch(
            output.info.name,
            f"class numbers from 0 to {width - 1} at every position",
            range_text(numbers),
            f"The model's output {output.info.name[:80]!r} has {width} units at every position.",
        )
    positions = output.info.shape[:-1]

    def convert(block: np.ndarray) -> np.ndarray:
        shaped = np.asarray(block).reshape(block.shape[: 1 + len(positions)]).astype(np.int32)
        return one_hot(shaped, width) if output.wants_one_hot else shaped

    return Plan("per_position", "per_position", convert, default_names(width))


def alike(output: Output, numbers: Numbers) -> Plan:
    """Numbers at every position, in the shape of the output: masks, one-hot maps, or values."""
    notes: tuple[str, ...] = ()
    binary = output.is_binary or (output.width == 1 and output.activation == "sigmoid")
    if binary and not output.is_numeric and numbers.distinct and set(numbers.distinct) <= {0, 255}:
        note = "Labels of 0 and 255 were read as 0 and 1."
        return Plan(
            "per_position",
            "per_position",
            lambda block: (np.asarray(block) > 0).astype(np.float32),
            notes=(note,) if 255 in numbers.distinct else (),
        )
    if output.is_sparse:
        return Plan("per_position", "per_position", argmax, default_names(output.width))
    if binary or output.wants_one_hot or output.activation in ("softmax", "sigmoid"):
        if not output.is_numeric and (numbers.low < 0 or numbers.high > 1):
            raise mismatch(
                output.info.name, "numbers from 0 to 1 at every position", range_text(numbers), ""
            )
        if numbers.is_zero_one and not output.is_numeric:
            return Plan("per_position", "per_position", floats, notes=notes)
    return Plan("values", "regression", floats, notes=notes)
