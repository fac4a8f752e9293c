"""Judge a model: predictions in constant memory, a metric that fits, honest intervals."""

from worker.engine.evaluation.comparison import compare, standard_error
from worker.engine.evaluation.intervals import interval
from worker.engine.evaluation.metrics import Metric, baseline, choose_metric
from worker.engine.evaluation.prediction import predict
from worker.engine.evaluation.skill import MeanSkill, mean_skill

__all__ = [
    "MeanSkill",
    "Metric",
    "baseline",
    "choose_metric",
    "compare",
    "interval",
    "mean_skill",
    "predict",
    "standard_error",
]
