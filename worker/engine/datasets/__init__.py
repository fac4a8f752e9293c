"""Datasets as people have them, made ready for one model.

source      any file format to raw arrays, memory-mapped
inspection  what can be said at upload, before a model is known
preparing   raw arrays and a model to a Dataset: roles, shapes, labels, splits, canonical form
dataset     Dataset, Split and Scale: what training sees
"""

from worker.engine.datasets.dataset import Dataset, Scale, Split
from worker.engine.datasets.inspection import inspect
from worker.engine.datasets.preparing import prepare

__all__ = ["Dataset", "Scale", "Split", "inspect", "prepare"]
