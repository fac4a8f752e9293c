"""Union-find over channel ids: one fate, frozen for good, reasons kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.graph.ids import FIXED, Ids, Reason

WHY = Reason("layer", "because")
OTHER = Reason("other", "later")


def test_fresh_ids_are_classes_of_their_own_and_not_frozen():
    ids = Ids()
    new = ids.fresh(4)
    assert ids.find(new).tolist() == new.tolist()
    assert not ids.is_frozen(new).any()


def test_a_class_joined_with_a_frozen_one_is_frozen():
    ids = Ids()
    a, b = ids.fresh(3), ids.fresh(3)
    ids.freeze(b[:1], WHY)
    ids.unify(a, b, OTHER)
    assert ids.is_frozen(a).tolist() == [True, False, False]
    assert ids.reason(int(a[0])) == WHY


def test_joining_the_fixed_id_freezes_without_joining_others():
    ids = Ids()
    a, b = ids.fresh(2), ids.fresh(2)
    ids.unify(a, np.array([FIXED, FIXED]), WHY)
    ids.unify(b[:1], np.array([FIXED]), WHY)
    assert ids.is_frozen(a).all()
    assert len(set(ids.find(np.concatenate([a, b])).tolist())) == 4
    assert not ids.is_frozen(b[1:]).any()


def test_the_first_reason_stays():
    ids = Ids()
    a = ids.fresh(1)
    ids.freeze(a, WHY)
    ids.freeze(a, OTHER)
    assert ids.reason(int(a[0])) == WHY


def test_a_copy_can_be_tried_on():
    ids = Ids()
    a, b = ids.fresh(2), ids.fresh(2)
    trial = ids.copy()
    trial.unify(a, b, WHY)
    trial.freeze(a, WHY)
    assert not ids.is_frozen(a).any()
    assert ids.find(a).tolist() == a.tolist()


def test_needing_zero_is_known_of_the_class_however_it_was_joined():
    ids = Ids()
    a, b = ids.fresh(3), ids.fresh(3)
    ids.need_zero(b[1:2])
    ids.unify(a, b, WHY)
    assert ids.needing_zero().tolist() == ids.find(a[1:2]).tolist()


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30))
def test_classes_are_the_connected_components(pairs: list[tuple[int, int]]):
    ids = Ids()
    new = ids.fresh(12)
    component = {k: {k} for k in range(12)}
    for a, b in pairs:
        ids.unify(new[[a]], new[[b]], WHY)
        joined = component[a] | component[b]
        for member in joined:
            component[member] = joined
    roots = ids.find(new)
    for a in range(12):
        for b in range(12):
            assert (roots[a] == roots[b]) == (b in component[a])
