"""Small topologies that break naive pruners, each a builder of its own name."""

from tests.engine.zoo import (  # noqa: F401
    adversarial,
    attention,
    branches,
    chains,
    families,
    gates,
    recurrence,
    sharing,
)
from tests.engine.zoo.registry import ZOO, Topology, randomise

__all__ = ["ZOO", "Topology", "randomise"]
