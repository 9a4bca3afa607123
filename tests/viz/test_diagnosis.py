import json

import numpy as np
import pytest
from drawn import net_of
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, unroll
from cells.analysis import diagnose
from cells.analysis.diagnosis import saturation
from cells.analysis.jacobians import LagNorms


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
@given(seed=st.integers(0, 1000))
def test_routes_of_a_diagnosis_add_up(kind, seed):
    """The shares at the first state sum to 1, and what is said names the largest where there is a choice."""
    norms = np.array([1.0, 0.5])

    found = diagnose(LagNorms(norms, norms), net_of(kind(2, 3), 3, seed))

    assert sum(found.routes.values()) == pytest.approx(1.0)
    way = max(found.routes, key=found.routes.get)
    assert (
        len(found.routes) == 1
        or ("meets no gate" if way == "direct" else f"through {way} first") in found.sentences()[-1]
    )


@given(st.floats(-8, 8))
def test_saturation_is_counted_by_the_slope(a):
    """A tanh counts as saturated exactly where 1 − h² is below a tenth."""
    cell = RNN(1, 2)
    params = {"U": np.array([[a], [0.0]]), "W": np.zeros((2, 2)), "b": np.zeros(2)}
    graph = mg.trace(lambda p, xs: unroll(cell, p, xs).final.h.sum(), params, np.ones((1, 1)))

    assert saturation(graph) == {"h": 0.5 if 1 - np.tanh(a) ** 2 < 0.1 else 0.0}


@pytest.mark.parametrize("norms", [[1, 0.5, 0.25], [1, np.inf, np.nan], [1, 0, 0], [1]])
def test_json_can_be_read_by_any_program(norms):
    """The numbers can be read back, whatever they are: inf and nan, which JSON does not have, are not in it."""
    array = np.array(norms, float)
    with np.errstate(all="ignore"):
        found = diagnose(LagNorms(array, array), net_of(RNN(2, 2), 2), array)

    read = json.loads(found.json())

    assert read["steps"] == len(norms) - 1
    assert set(read["saturated"]) == {"h"}
    assert "NaN" not in found.json()
    assert "Infinity" not in found.json()


def test_json_says_what_the_sentences_say():
    """The rate and the half-life that are said are those that are written."""
    norms = np.array([1, 0.5, 0.25])
    found = diagnose(LagNorms(norms, norms))

    read = json.loads(found.json())

    assert (read["rate_per_step"], read["half_life"]) == (0.5, 1.0)
    assert "a factor of 0.5 per step, so it halves every 1 steps" in found.sentences()[0]
