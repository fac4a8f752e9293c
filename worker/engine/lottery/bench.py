"""All that stays the same from level to level: model, data, metric, recipe, and who is told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from prunery.specs.job import EngineSpec
from prunery.specs.models import ModelSummary
from prunery.specs.recipe import Recipe
from prunery.specs.report import Task
from worker.engine.evaluation import mean_skill
from worker.engine.masks import prunable_keys, variable_keys
from worker.engine.reporter import Reporter

if TYPE_CHECKING:
    from worker.engine.datasets import Dataset
    from worker.engine.evaluation import MeanSkill, Metric
    from worker.engine.graph import Graph
    from worker.engine.loading import Loaded

STREAM = {"dense": 0, "level": 1, "control": 2, "draw": 3, "trial": 4, "interval": 5}


@dataclass
class Bench:
    """One job's workplace.

    Attributes:
        model: the full-size network; its weights come and go, its shape never changes.
        dataset: None only when nothing is trained and no data was given.
        trained: whether the upload is a trained model, its weights the dense ones.
        metrics: one of each output, the main one (the first output's) first; none without labels.
        loss: what `compile` takes; None when nothing is trained.
        loop: the training loop of the recipe; of "auto", the first training pins it for the others.
    """

    spec: EngineSpec
    recipe: Recipe
    reporter: Reporter
    loaded: Loaded
    summary: ModelSummary
    model: keras.Model
    graph: Graph
    task: Task
    dataset: Dataset | None = None
    metrics: tuple[Metric, ...] = ()
    trained: bool = False
    loss: Any = None
    batch_size: int = 32
    loop: str = "auto"
    seed: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def metric(self) -> Metric | None:
        """The main metric: it ranks what was trained, and reports tell it first."""
        return self.metrics[0] if self.metrics else None

    @property
    def gauge(self) -> Metric | MeanSkill | None:
        """What epochs, and cuts before they are trained, are told apart by: no output is left out.

        Worked out once a job: labels may be large.
        """
        if "gauge" not in self.facts:
            several = len(self.metrics) > 1 and self.dataset is not None
            skill = mean_skill(self.metrics, self.judged_split.y) if several else None
            self.facts["gauge"] = skill or self.metric
        found: Metric | MeanSkill | None = self.facts["gauge"]
        return found

    @property
    def trains(self) -> bool:
        return self.recipe.training.epochs != 0

    @property
    def judges(self) -> bool:
        """Whether there are labelled validation (or training) examples to choose on."""
        return self.metric is not None and self.dataset is not None

    @property
    def judged_split(self) -> Any:
        """Validation; where nothing was held out, training examples (the report says so)."""
        assert self.dataset is not None
        return self.dataset.validation if len(self.dataset.validation) else self.dataset.train

    @property
    def prunable(self) -> list[str]:
        """Keys of the weights that count for density."""
        return prunable_keys(self.model)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {key: tuple(v.shape) for key, v in variable_keys(self.model).items()}

    def seed_for(self, stream: str, number: int = 0) -> int:
        """A seed of its own for everything that draws, all from the recipe's one seed."""
        sequence = np.random.SeedSequence([self.seed, STREAM[stream], number])
        return int(sequence.generate_state(1)[0]) % 2**31

    def folder(self, name: str) -> Path:
        """A scratch folder of this job."""
        path = self.spec.work_dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path


def recipe_hash(spec: EngineSpec, model_sha256: str, dataset_sha256: str | None, seed: int) -> str:
    """What a level depends on; a level of another hash is never reused."""
    assert spec.recipe is not None
    about = {
        "recipe": spec.recipe.model_dump(mode="json", exclude={"deadline_seconds", "exports"}),
        "options": spec.dataset_options.model_dump(mode="json"),
        "model": model_sha256,
        "dataset": dataset_sha256,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Copies of all weights by key."""
    return {
        key: np.array(keras.ops.convert_to_numpy(variable))
        for key, variable in variable_keys(model).items()
    }


def assign(model: keras.Model, values: Mapping[str, np.ndarray]) -> None:
    """Put weights back by key."""
    for key, variable in variable_keys(model).items():
        variable.assign(values[key])
