"""The backend "fast": compiled loops compute what the calls they stand for compute."""

import sys
from importlib.util import find_spec
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import agree

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Readout, Stacked, unroll
from minigrad.compiler import PASSES, BackendError
from minigrad.compiler.numba_backend.codegen import grouped, source
from minigrad.compiler.numba_backend.fusion import LEAST, Loop, find_repeats
from minigrad.compiler.numba_backend.signatures import addresses, form_of, in_rows
from minigrad.compiler.numba_backend.vector_math import make_exp, make_tanh
from minigrad.errors import OptionError

needs_numba = pytest.mark.skipif(find_spec("numba") is None or find_spec("scipy") is None, reason="extra `fast`")

CELLS = {
    "RNN": RNN(3, 4),
    "RNN relu": RNN(3, 4, activation="relu"),
    "LSTM": LSTM(3, 4),
    "LSTM peephole": LSTM.variant("vanilla", 3, 4),
    "GRU before": GRU(3, 4, reset="before"),
    "GRU after": GRU(3, 4, reset="after"),
    "attention": AttentionCell(LSTM(4, 4)),
    "stacked": Stacked([LSTM(3, 4), GRU(4, 4)]),
    "bidirectional": Bidirectional(LSTM(3, 4), GRU(3, 4)),
}


def training_step(cell, dtype, steps=12, batch=2):
    """Loss and all gradients of a cell with a readout, and arguments for it."""
    rng = np.random.default_rng(0)
    readout = Readout(cell.hidden_size, 3)
    params = {"cell": cell.init(rng, dtype), "readout": readout.init(rng, dtype)}
    xs = rng.standard_normal((steps, batch, cell.input_size)).astype(dtype)
    ys = rng.integers(0, 3, (steps, batch))

    def loss(params, xs, ys):
        return readout.loss(params["readout"], unroll(cell, params["cell"], xs).outputs, ys)

    return mg.value_and_grad(loss, wrt=(0, 1)), (params, xs, ys)


@pytest.mark.quick("float32-GRU after", "float64-RNN")
@needs_numba
@pytest.mark.parametrize("name", ["RNN", "LSTM peephole", "GRU after"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cells(name, dtype):
    """A cell's training step gives the eager engine's results, whatever the values."""
    agree(*training_step(CELLS[name], dtype), frozenset(PASSES), "fast")


@needs_numba
@pytest.mark.nightly
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("passes", [frozenset(PASSES), frozenset()])
def test_every_cell(name, dtype, passes):
    """Every kind of cell gives the eager engine's results, with and without passes."""
    agree(*training_step(CELLS[name], dtype), passes, "fast")


@pytest.mark.nightly
@pytest.mark.nightly
@needs_numba
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_one_entry(shape, dtype):
    """Chains of operations on arrays with a single entry, or a single row or column, are stored where they belong."""

    def f(x, y):
        terms = [x]
        for _ in range(12):
            terms.append(mg.tanh(terms[-1] * y) + x - y)
        return mg.stack(terms), sum(term.sum() for term in terms)

    rng = np.random.default_rng(0)
    args = rng.standard_normal((2, *shape)).astype(dtype)
    agree(f, tuple(np.array(x) for x in args), frozenset(PASSES), "fast")
    agree(mg.value_and_grad(lambda x, y: f(x, y)[1], wrt=(0, 1)), tuple(map(np.array, args)), frozenset(PASSES), "fast")


@pytest.mark.nightly
@pytest.mark.nightly
@needs_numba
@pytest.mark.parametrize(
    "part", [lambda m: m.T, lambda m: m[0], lambda m: m[:, 0:1], lambda m: m[2, 2], lambda m: mg.reshape(m.T, (4, 4))]
)
@pytest.mark.parametrize("together", [mg.add, mg.multiply, mg.maximum])
def test_a_matrix_and_a_part_of_itself(part, together):
    """m + mᵀ, m + m₀ and the like in every step: no entry is written over before it has been read."""

    def f(m):
        for _ in range(10):
            m = mg.tanh(m * 1.1)
            m = together(m, part(m))
        return m

    m = np.random.default_rng(0).standard_normal((4, 4))
    for backend in ("numpy", "fast"):
        agree(f, (m,), frozenset(PASSES), backend)
    agree(mg.value_and_grad(lambda m: (f(m) ** 2).sum()), (m,), frozenset(PASSES), "fast")


@needs_numba
@pytest.mark.parametrize("batch", [(), (1,)])
def test_nets_of_one_unit(batch):
    """A training step of a net one unit wide: matrices have one entry."""
    rng = np.random.default_rng(0)
    params, xs = RNN(1, 1).init(rng), rng.standard_normal((12, *batch, 1))

    def loss(params, xs, h):
        for x in xs:
            h = mg.tanh(mg.linear(params["U"], x) + h * h)
        return (h * h).sum() + (xs.sum(axis=0) * h).sum()

    agree(mg.value_and_grad(loss, wrt=(0, 1, 2)), (params, xs, np.full((*batch, 1), 0.5)), frozenset(PASSES), "fast")


@needs_numba
@pytest.mark.parametrize("batch", [1, 2])
def test_steps_become_loops(batch):
    """Almost all calls of a recurrence are inside of compiled loops, and the plan says so."""
    f, args = training_step(LSTM(3, 4), np.float32, 20, batch)
    plan = mg.compile(f, backend="fast").plan(*args)
    loops = [call for call, _ in plan.calls if isinstance(call, Loop)]
    assert sum(len(loop.calls) for loop in loops) > 0.6 * (sum(len(loop.calls) for loop in loops) + len(plan.calls))
    assert "compiled loops" in plan.explain()


def test_the_extra_is_named(monkeypatch):
    """Without Numba the error says what to install, when compile is called and not later."""
    monkeypatch.delitem(sys.modules, "minigrad.compiler.numba_backend.jit", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(BackendError, match="pip install numba scipy"):
        mg.compile(mg.tanh, backend="fast")


def test_unknown_backends_are_refused():
    """The error names the backends that there are."""
    with pytest.raises(OptionError, match="numpy, fast"):
        mg.compile(mg.tanh, backend="cuda")


@given(st.data())
def test_loops_on_memory_that_overlaps(data):
    """A loop's text does what its calls do, in order, wherever their arrays lie: apart, equal or overlapping."""
    memory = np.arange(1.0, 129.0) / 128
    rows, columns = data.draw(st.sampled_from([(2, 4), (3, 3), (1, 5)]), "shape")
    strides = st.sampled_from([columns, columns + 2, 2 * columns])

    def array(shape_of):
        step = data.draw(strides)
        start = data.draw(st.integers(0, 70))
        whole = np.lib.stride_tricks.as_strided(memory[start:], (rows, columns), (8 * step, 8))
        vector = memory[start : start + rows * columns]
        return {"whole": whole, "row": whole[0], "entry": whole[0, 0, ...], "vector": vector}[shape_of]

    period = []
    for _ in range(data.draw(st.integers(1, 4), "calls")):
        f = data.draw(st.sampled_from([np.add, np.multiply, np.subtract, np.negative, np.copyto]))
        like = data.draw(st.sampled_from(["whole", "vector"]))
        kinds = st.sampled_from([like, like, "row" if like == "whole" else "entry", "entry"])
        out = array(like)
        operands = [out if data.draw(st.booleans()) else array(data.draw(kinds))]
        if f in (np.add, np.multiply, np.subtract):
            operands.append(array(data.draw(kinds)))
        # NumPy itself copies where an operand overlaps the result in part; plans never make such calls.
        operands = [x if same(x, out) or not np.shares_memory(x, out) else out for x in operands]
        period.append((f, (out, *operands) if f is np.copyto else (*operands, out)))
    shift = data.draw(st.integers(0, 20), "shift")
    calls = [*period, *((f, tuple(moved(x, memory, shift) for x in args)) for f, args in period)]
    before = memory.copy()
    forms = [in_rows(form_of(call), rows) for call in period]
    table = np.array([address for call in calls for address in addresses(call)]).reshape(2, -1)
    run_text(source(forms, grouped(forms, table)), memory, table)
    by_loop = memory.copy()
    memory[...] = before
    for f, args in calls:
        f(*args)
    assert np.array_equal(by_loop, memory)


def same(x, y):
    """Whether two arrays are the same memory seen in the same way."""
    return x.__array_interface__["data"] == y.__array_interface__["data"] and (x.shape, x.strides) == (
        y.shape,
        y.strides,
    )


def moved(x, memory, shift):
    """The same array some entries further on."""
    start = (x.__array_interface__["data"][0] - memory.__array_interface__["data"][0]) // 8 + shift
    return np.lib.stride_tricks.as_strided(memory[start:], x.shape, x.strides)


def run_text(text, memory, table):
    """Run a loop's text in Python, its pointers being places in one array."""
    origin = memory.__array_interface__["data"][0]
    space = {"pointer": lambda address: memory[(address - origin) // 8 :]}
    exec(text, space)
    space["loop"](table)


@given(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 12))
def test_repeats(before, period, count):
    """Stretches do not overlap, each repeats its period, and a list that repeats often enough has one."""
    tokens = [*before, *(10 + token for token in period * count), *before]
    found = find_repeats(tokens, lambda i: tokens[i] == 10)
    for repeat in found:
        first = tokens[repeat.start : repeat.start + repeat.period]
        assert tokens[repeat.start : repeat.stop] == first * repeat.count
    assert all(a.stop <= b.start for a, b in pairwise(found))
    assert bool(found) or count < LEAST


@given(st.floats(-30, 30, width=32), st.sampled_from([np.float32, np.float64]))
def test_tanh_and_exp(x, real):
    """Relative errors stay below four roundings of the precision."""
    for f, exact in ((make_tanh(real), mpmath.tanh), (make_exp(real), mpmath.exp)):
        wanted = exact(mpmath.mpf(float(real(x))))
        assert abs(float(f(real(x))) - wanted) <= 4 * float(np.finfo(real).eps) * abs(wanted)


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_ends_of_the_range(real):
    """tanh and exp at ±inf, ±0 and NaN are those of NumPy, signs included."""
    with np.errstate(all="ignore"):
        for x in map(real, (np.inf, -np.inf, 0.0, -0.0, np.nan, 1e4, -1e4)):
            for f, numpys in ((make_tanh(real), np.tanh), (make_exp(real), np.exp)):
                assert np.array_equal(f(x), numpys(x), equal_nan=True)
                assert np.signbit(f(x)) == np.signbit(numpys(x)) or np.isnan(x)
