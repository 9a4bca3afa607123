"""Parameters and inputs compared with the cell: what is missing, what is not used, and arrays of other libraries."""

from typing import Any

import numpy as np
import pytest
from cell_cases import LAYERS, filled

import minigrad as mg
from cells import GRU, LSTM, RNN, Stacked, unroll
from cells.errors import ParameterError


def places(params: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key of nested parameters."""
    found = []
    for key, value in params.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += places(value, (*path, key))
    return found


def changed(params: dict[str, Any], path: tuple[str, ...], change: Any) -> dict[str, Any]:
    """Nested parameters with one dict of them replaced by what `change` makes of it."""
    if not path:
        return change(params)
    return params | {path[0]: changed(params[path[0]], path[1:], change)}


def key_of(params: Any, path: list[str]) -> Any:
    """What stands at a path of nested parameters."""
    for key in path:
        params = params[key]
    return params


@pytest.mark.parametrize("name", LAYERS)
def test_every_missing_and_every_unused_parameter_is_named(name: str) -> None:
    """Each key that is left out, or added at each level of a net, is an error that names it."""
    cell = LAYERS[name](2, 3)
    params, xs = filled(cell, np.random.default_rng(0)), np.ones((2, 2))
    for *above, key in places(params):
        without = changed(params, tuple(above), lambda own, key=key: {k: v for k, v in own.items() if k != key})
        with pytest.raises(ParameterError, match=f"{key} is missing"):
            unroll(cell, without, xs)
    for above in {tuple(path[:-1]) for path in places(params)}:
        with pytest.raises(ParameterError, match="extra is not used"):
            unroll(cell, changed(params, above, lambda own: own | {"extra": np.ones(3)}), xs)


@pytest.mark.parametrize("name", LAYERS)
def test_declared_shapes_are_those_of_init(name: str) -> None:
    """Declared shapes are those that `init` makes, and a shape that broadcasting would hide is refused."""
    cell = LAYERS[name](2, 3)
    params, xs = filled(cell, np.random.default_rng(0)), np.ones((2, 2))
    unroll(cell, params, xs)
    for *above, key in places(params):
        value = key_of(params, [*above, key])
        if not isinstance(value, dict) and value.size > 1:
            one = changed(params, tuple(above), lambda own, key=key, n=value.ndim: own | {key: np.ones((1,) * n)})
            with pytest.raises(mg.errors.ShapeError, match=f"{key}.*must have the shape"):
                unroll(cell, one, xs)


@pytest.mark.parametrize(
    ("given", "taken", "words"),
    [
        (GRU(2, 3, reset="after"), GRU(2, 3), "c_n is not used (used with reset='after')"),
        (GRU(2, 3), GRU(2, 3, reset="after"), "c_n is missing (not needed with reset='before')"),
        (LSTM(2, 3, peephole=True), LSTM(2, 3), "p_f is not used (used with peephole=True)"),
        (LSTM(2, 3), LSTM(2, 3, coupled=True), "U_i is not used (used with coupled=False)"),
        (
            LSTM(2, 3, input_gate=False),
            LSTM(2, 3),
            "U_i is missing (not needed with coupled=True or input_gate=False)",
        ),
        (LSTM(2, 3), LSTM(2, 3, gate_recurrence=True), "R_if is missing (not needed with gate_recurrence=False)"),
    ],
)
def test_the_switch_is_named(given: Any, taken: Any, words: str) -> None:
    """Parameters of the same cell with another switch say which switch that is, in nets of layers too."""
    params, xs = given.init(np.random.default_rng(0)), np.ones((2, 2))
    with pytest.raises(ParameterError) as caught:
        unroll(taken, params, xs)
    assert words in str(caught.value)
    with pytest.raises(ParameterError, match=r"params\['layer 1'\]"):
        unroll(Stacked([taken]), {"layer 1": params}, xs)


class Foreign:
    """An array of another library, as PyTorch and JAX have them: NumPy can read it."""

    def __init__(self, value: Any, requires_grad: bool = False) -> None:
        self.value, self.requires_grad = np.asarray(value), requires_grad
        self.shape, self.dtype = self.value.shape, f"foreign.{self.value.dtype}"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.value


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_other_libraries_are_inputs(name: str, dtype: Any) -> None:
    """As inputs, lists of inputs, parameters and states they give what NumPy's arrays give."""
    rng = np.random.default_rng(0)
    cell = LAYERS[name](2, 3)
    params, xs = filled(cell, rng), rng.standard_normal((3, 2)).astype(dtype)
    expected = unroll(cell, params, xs).outputs

    for given in (Foreign(xs), [Foreign(x) for x in xs], xs.tolist() if dtype == np.float64 else list(xs)):
        assert np.array_equal(unroll(cell, params, given).outputs, expected)


def test_parameters_and_states_of_other_libraries() -> None:
    """They are converted, and a gradient that the other library records is refused with the line to write."""
    rng = np.random.default_rng(0)
    cell, xs = RNN(2, 3), rng.standard_normal((3, 2))
    params = filled(cell, rng)
    state = unroll(cell, params, xs).final
    expected = unroll(cell, params, xs, state).outputs

    foreign = {key: Foreign(value) for key, value in params.items()}
    assert np.array_equal(unroll(cell, foreign, xs, type(state)(Foreign(state.h))).outputs, expected)
    with pytest.raises(mg.errors.DroppedGradientError, match=r"xs\.detach\(\)\.cpu\(\)\.numpy\(\)"):
        unroll(cell, params, Foreign(xs, requires_grad=True))


@pytest.mark.parity
def test_tensors_of_pytorch_are_inputs() -> None:
    """A tensor of PyTorch is read as its values; one that requires a gradient is refused."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    cell, xs = GRU(2, 3), rng.standard_normal((3, 4, 2))
    params = filled(cell, rng)

    assert np.array_equal(unroll(cell, params, torch.tensor(xs)).outputs, unroll(cell, params, xs).outputs)
    assert np.array_equal(unroll(cell, params, list(torch.tensor(xs))).outputs, unroll(cell, params, xs).outputs)
    with pytest.raises(mg.errors.DroppedGradientError, match="detach"):
        unroll(cell, params, torch.tensor(xs, requires_grad=True))
    with pytest.raises(mg.errors.DtypeError, match="NumPy cannot read"):
        unroll(cell, params, torch.tensor(xs, dtype=torch.bfloat16))
