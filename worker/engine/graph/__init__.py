"""Which units of a model can go together, for any graph of built-in layers."""

from worker.engine.graph.analysis import Cut, Graph, Kept, analyse
from worker.engine.graph.groups import Group, Slice
from worker.engine.graph.outputs import output_layers
from worker.engine.graph.prunability import prunability

__all__ = ["Cut", "Graph", "Group", "Kept", "Slice", "analyse", "output_layers", "prunability"]
