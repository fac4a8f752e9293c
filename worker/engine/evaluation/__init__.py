"""Judge a model: predictions in constant memory, a metric that fits, honest intervals."""

from worker.engine.evaluation.comparison import compare, standard_error
from worker.engine.evaluation.intervals import interval
from worker.engine.evaluation.metrics import Metric, baseline, choose_metric
from worker.engine.evaluation.prediction import predict

__all__ = [
    "Metric",
    "baseline",
    "choose_metric",
    "compare",
    "interval",
    "predict",
    "standard_error",
]
