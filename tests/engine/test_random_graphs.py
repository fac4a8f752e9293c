"""Random graphs: whatever is cut, masked and compact network agree, or the cut is refused.

PRUNERY_RANDOM_GRAPHS says how many examples (`make bench` runs 5,000); more than the usual number
are drawn anew each time.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.engine import random_graphs

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("PRUNERY_RANDOM_GRAPHS", "60"))
thorough = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 60,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@thorough
@given(st.data(), st.integers(0, 2**16), st.floats(0.2, 0.9))
def test_units_of_random_graphs(data: st.DataObject, seed: int, share: float):
    event(random_graphs.cut_units(data.draw, seed, share))


@settings(thorough, max_examples=max(1, EXAMPLES * 2 // 3))
@given(st.data(), st.integers(0, 2**16), st.floats(0.02, 0.6))
def test_weight_masks_of_random_graphs(data: st.DataObject, seed: int, density: float):
    event(random_graphs.cut_weights(data.draw, seed, density))
