"""Two steps of every cell with one or two units: the engine's gradients against SymPy's `diff` of the papers' lines."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import paper_formulas as papers
import pytest
import sympy as sp

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, AttentionCell, Bidirectional, Conv1d, FeedForward, Readout, Stacked, unroll
from cells.cell import ACTIVATIONS
from cells.lstm import VARIANTS
from minigrad.pytree import flatten

TARGETS = [1, 0]
#: Digits of the reference.
DIGITS = 50

#: By name: how a cell of D inputs and H units is made, and its formula for one step.
STEPS: dict[str, tuple[Callable[[int, int], Any], Any]] = {
    **{f"rnn {a}": (lambda D, H, a=a: RNN(D, H, activation=a), papers.rnn) for a in ACTIVATIONS},
    "lstm": (LSTM, papers.lstm),
    "lstm coupled": (lambda D, H: LSTM(D, H, coupled=True), papers.lstm),
    **{f"lstm {v}": (lambda D, H, v=v: LSTM.variant(v, D, H), papers.lstm) for v in VARIANTS},
    **{
        f"gru {reset} {update}": (lambda D, H, r=reset, u=update: GRU(D, H, reset=r, update=u), papers.gru)
        for reset in ("before", "after")
        for update in ("keep", "write")
    },
}


def symbols_like(tree: Any, letter: str) -> tuple[Any, list[sp.Symbol], list[float]]:
    """A tree of arrays as nested lists of symbols; all symbols; and their values."""
    leaves, structure = flatten(tree)
    symbols: list[sp.Symbol] = []
    nested = []
    for leaf in leaves:
        own = [sp.Symbol(f"{letter}{len(symbols) + i}", real=True) for i in range(np.size(leaf))]
        symbols += own
        nested.append(np.array(own, object).reshape(np.shape(leaf)).tolist())
    values = [float(x) for leaf in leaves for x in np.ravel(leaf)]
    return structure.unflatten(nested), symbols, values


def by_sympy(E: Any, symbols: list[sp.Symbol], values: list[float]) -> list[Any]:
    """E and its derivative by every symbol, at the values, to fifty digits."""
    formulas = [E, *(sp.diff(E, symbol) for symbol in symbols)]
    run = sp.lambdify(symbols, formulas, modules=["mpmath", {"Heaviside": lambda x, *_: mpmath.mpf(x > 0)}], cse=True)
    with mpmath.workdps(DIGITS):
        return [mpmath.mpf(number) for number in run(*map(mpmath.mpf, values))]


def assert_same(f: Callable[..., Any], args: tuple[Any, ...], expected: list[Any]) -> None:
    """The engine's value and gradients are the expected ones to fourteen digits of the largest."""
    value, gradients = mg.value_and_grad(f, tuple(range(len(args))))(*args)
    got = [float(value), *(float(x) for leaf in flatten(list(gradients))[0] for x in np.ravel(leaf))]
    scale = max(1.0, *(abs(float(x)) for x in expected))
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert abs(mine - float(theirs)) <= 1e-14 * scale


def random_like(tree: Any, rng: np.random.Generator) -> Any:
    """A tree of the same shapes with normal entries: initial zeros would hide mistakes."""
    leaves, structure = flatten(tree)
    return structure.unflatten([rng.normal(size=np.shape(leaf)) for leaf in leaves])


#: Cells of one unit that every run tries; SymPy takes seconds for each of the others.
QUICK = (
    "rnn tanh",
    "rnn relu",
    "rnn sigmoid",
    "rnn identity",
    "lstm NP",
    "lstm coupled",
    "gru before keep",
    "gru after keep",
)
#: Cells of two units.
TWO_UNITS = ("rnn tanh", "rnn relu", "rnn sigmoid", "rnn identity", "lstm NP", "gru after keep")


@pytest.mark.parametrize(
    ("name", "H"),
    [
        *(pytest.param(name, 1, marks=[] if name in QUICK else [pytest.mark.nightly]) for name in STEPS),
        *(pytest.param(name, 2, marks=pytest.mark.nightly) for name in TWO_UNITS),
    ],
)
def test_cells(name: str, H: int) -> None:
    """Gradients by parameters, inputs and initial state, of any sum of outputs, are those of the papers' formulas."""
    make, step = STEPS[name]
    rng = np.random.default_rng(0)
    cell = make(1, H)
    args = (
        random_like((cell.init(rng), cell.initial_state()), rng),
        *rng.normal(size=(1, 2, 1)),
        rng.normal(size=(2, H)),
    )

    ((p, state), xs, weights), symbols, values = symbols_like(args, "w")
    E, now = sp.Integer(0), list(state)
    for x, weight in zip(xs, weights, strict=True):
        now = step(cell, p, now, x)
        E += papers.dot(weight, now[0])

    def f(net: Any, xs: Any, weights: Any) -> Any:
        return mg.sum(weights * unroll(cell, net[0], xs, net[1]).outputs)

    assert_same(f, args, by_sympy(E, symbols, values))


#: Nets whose outputs need the whole sequence: the net, and its outputs by the papers.
NETS: dict[str, tuple[Any, Callable[[Any, Any, Any], Any]]] = {
    "feed-forward": (FeedForward(2, 2), lambda cell, p, xs: [papers.rnn(cell, p | ZERO, [[0, 0]], x)[0] for x in xs]),
    "convolution": (Conv1d(1, 2, 2), papers.convolution),
    "attention before": (AttentionCell(RNN(1, 1), when="before"), papers.attention_cell),
    "attention after": (AttentionCell(RNN(1, 1), when="after", score="general"), papers.attention_cell),
    "stacked": (Stacked([RNN(1, 1), GRU(1, 1)]), lambda cell, p, xs: _stacked(cell, p, xs)),
    "both ways": (Bidirectional(RNN(1, 1), LSTM(1, 1)), lambda cell, p, xs: _both_ways(cell, p, xs)),
}
#: A recurrent matrix of zeros makes an RNN a feed-forward net.
ZERO = {"W": [[0, 0], [0, 0]]}
FORMULAS = {RNN: papers.rnn, GRU: papers.gru, LSTM: papers.lstm}


def _over_time(cell: Any, p: Any, xs: Any) -> list[Any]:
    now, outputs = [[0] * cell.hidden_size] * len(cell.initial_state()), []
    for x in xs:
        now = FORMULAS[type(cell)](cell, p, now, x)
        outputs.append(now[0])
    return outputs


def _stacked(cell: Any, p: Any, xs: Any) -> list[Any]:
    for i, layer in enumerate(cell.layers, start=1):
        xs = _over_time(layer, p[f"layer {i}"], xs)
    return xs


def _both_ways(cell: Any, p: Any, xs: Any) -> list[Any]:
    there = _over_time(cell.forward, p["forward"], xs)
    back = _over_time(cell.backward, p["backward"], xs[::-1])[::-1]
    return [[*a, *b] for a, b in zip(there, back, strict=True)]


@pytest.mark.quick("feed-forward", "convolution", "attention after")
@pytest.mark.parametrize("name", NETS)
def test_nets(name: str) -> None:
    """So it is for nets of cells, for attention over time, and for cells without recurrence."""
    cell, formula = NETS[name]
    rng, readout = np.random.default_rng(1), Readout(cell.hidden_size, 2)
    args = tuple(random_like(tree, rng) for tree in (cell.init(rng), readout.init(rng)))
    args = (*args, rng.normal(size=(2, cell.input_size)))

    (p, out, xs), symbols, values = symbols_like(args, "w")
    expected = by_sympy(papers.loss(out, formula(cell, p, xs), TARGETS), symbols, values)

    assert_same(lambda p, out, xs: readout.loss(out, unroll(cell, p, xs).outputs, np.array(TARGETS)), args, expected)


@pytest.mark.parametrize("score", papers.ATTENTION)
def test_attention(score: str) -> None:
    """Attention over two places has SymPy's gradients by parameters, query and memory, whatever its score."""
    size = 1 if score in ("additive", "concat") else 2
    attention, rng = Attention(size, score=score), np.random.default_rng(2)
    params = random_like(attention.init(rng), rng)
    args = (params, rng.normal(size=size), rng.normal(size=(2, size)), rng.normal(size=size))

    (p, q, m, weights), symbols, values = symbols_like(args, "w")
    E = papers.dot(weights, papers.attend(score, p, q, m))

    assert_same(lambda p, q, m, w: mg.sum(w * attention.attend(p, q, m).context), args, by_sympy(E, symbols, values))


def test_a_slip_in_a_formula_is_seen() -> None:
    """If the papers' line or the cell were another, the two would not agree: a GRU is not its other convention."""
    rng = np.random.default_rng(0)
    args = (random_like(GRU(1, 1).init(rng), rng), np.ones((2, 1)))
    (p, xs), symbols, values = symbols_like(args, "w")
    E = sum(h[0] for h in _over_time(GRU(1, 1, update="write"), p, xs))

    with pytest.raises(AssertionError):
        assert_same(lambda p, xs: mg.sum(unroll(GRU(1, 1), p, xs).outputs), args, by_sympy(E, symbols, values))
