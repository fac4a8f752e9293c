"""An outsider's check of a finished job: the upload and the output folder, plain Keras, no more.

python -m tests.acceptance.checker UPLOAD OUT
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from tests.acceptance.outsider import configs, files, keys, outputs, tensors

LIMIT = 1e-9
# Values that were multiplied are rounded to their own dtype, once.
LIMIT_RESCALED = 1e-5


def check(
    upload: Path,
    out: Path,
    *,
    trained: bool = True,
    units: bool = True,
    integers_below: int = 2,
    limit: float = LIMIT,
) -> list[str]:
    """Every broken rule in one sentence; an empty list says that the job may be trusted.

    trained: False for `training.epochs: 0`, where surviving weights are the upload's, bit for bit.
    units: False where weights were masked, not units. `integers_below`: whole-number inputs are
    drawn below it. An upload that plain Keras cannot load is compared by masked.keras alone.
    """
    missing = [name for name in files.EXPECTED if not (out / name).is_file()]
    if missing:
        return [f"missing: {', '.join(missing)}"]
    problems: list[str] = []
    compact = keras.saving.load_model(out / "model.keras")
    full = keras.saving.load_model(out / "masked.keras")
    original = _load_upload(upload)
    document = json.loads((out / "certificate.json").read_text("utf-8"))
    counts = {"masked": full.count_params(), "compact": compact.count_params()}
    problems += files.certificate(out, document, counts)
    if problems:
        return problems
    problems += _structure(original if original is not None else full, full, compact)
    problems += _compilation(original, full, compact, trained)
    keep, excepted = document["keep"], {*document["folded"], *document["rescaled"]}
    problems += tensors.sub_tensors(full, compact, keep, excepted)
    problems += tensors.one_choice(full, keep)
    problems += tensors.slots(full, compact, keep)
    if units:
        problems += tensors.removed_are_zero(full, keep)
    masks, rewound, wrong = files.ticket(out / "ticket.npz")
    problems += wrong
    problems += tensors.masked_are_zero(full, masks)
    if original is not None and not trained:
        problems += _untouched(original, full, masks, rewound)
    limit = max(limit, LIMIT_RESCALED) if document["rescaled"] else limit
    problems += outputs.disagreements(full, compact, limit, integers_below)
    problems += _gain(counts, document, out)
    problems += files.report(out, upload)
    problems += files.archive(out)
    problems += _levels(out)
    return problems


def _load_upload(path: Path) -> keras.Model | None:
    try:
        with warnings.catch_warnings():
            # A model that was compiled and never trained has no optimizer variables to load.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return keras.saving.load_model(path)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError):
        if path.suffix == ".keras":
            raise
        return None  # an old .h5: what plain Keras cannot read cannot be compared


def _structure(original: keras.Model, full: keras.Model, compact: keras.Model) -> list[str]:
    problems = [
        f"masked.keras: {difference}"
        for difference in configs.differences(original.get_config(), full.get_config())
    ]
    for name, model in (("masked.keras", full), ("model.keras", compact)):
        if configs.interface(model) != configs.interface(original):
            problems.append(f"{name} has other inputs or outputs than the upload")
    upload = configs.without_epsilon_of_mean_square(original.get_config())
    ours = configs.without_epsilon_of_mean_square(compact.get_config())
    problems += [f"model.keras: {d}" for d in configs.more_than_sizes(upload, ours)]
    before = {path: layer.trainable for path, layer in keys.places(original)}
    after = {path: layer.trainable for path, layer in keys.places(compact)}
    if before != after:
        problems.append("trainable flags or layers differ between upload and model.keras")
    return problems


def _compilation(
    original: keras.Model | None, full: keras.Model, compact: keras.Model, trained: bool
) -> list[str]:
    problems = []
    ours = compact.get_compile_config() if compact.compiled else None
    if ours != (full.get_compile_config() if full.compiled else None):
        problems.append("masked.keras and model.keras are compiled differently")
    if original is None or not original.compiled:
        return problems
    if ours is None:
        return [*problems, "model.keras lost its compile configuration"]
    problems += [
        f"compile configuration: {difference}"
        for difference in configs.differences(original.get_compile_config(), ours)
        if not (trained and "learning_rate" in difference)
    ]
    if not trained and original.optimizer is not None:
        steps = [int(m.optimizer.iterations) for m in (original, compact)]
        if steps[0] != steps[1]:
            problems.append(f"the optimizer's step is {steps[1]}, the upload's {steps[0]}")
    return problems


def _untouched(
    original: keras.Model, full: keras.Model, masks: dict[str, Any], rewound: dict[str, Any]
) -> list[str]:
    """Without training every surviving weight is the upload's, bit for bit."""
    problems = []
    theirs = {key: keys.array(variable) for key, variable in keys.variables(original).items()}
    for key, variable in keys.variables(full).items():
        value, before = keys.array(variable), theirs[key]
        expected = np.where(masks[key], before, np.zeros_like(before)) if key in masks else before
        if value.tobytes() != expected.tobytes():
            problems.append(f"{key} is not the upload's where it survived")
        if (
            key in rewound
            and (rewound[key].astype(before.dtype)[masks[key]] != before[masks[key]]).any()
        ):
            problems.append(f"the ticket's weights of {key} are not the upload's")
    return problems


def _gain(counts: dict[str, int], document: dict[str, Any], out: Path) -> list[str]:
    if counts["compact"] < counts["masked"]:
        return []
    verdict = json.loads((out / "report.json").read_text("utf-8"))["verdict"]["sentence"]
    return [] if document["not_removed"] or verdict else ["not smaller, and no reason is given"]


def _levels(out: Path) -> list[str]:
    problems = []
    for path in sorted(out.glob("levels/*/model.keras")):
        level = keras.saving.load_model(path)
        if not all(np.isfinite(keys.array(v)).all() for v in level.weights if "float" in v.dtype):
            problems.append(f"{path.parent.name}: a weight is not finite")
    return problems


if __name__ == "__main__":
    found = check(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write("\n".join(found) + "\n" if found else "all rules hold\n")
    sys.exit(1 if found else 0)
