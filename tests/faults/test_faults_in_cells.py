"""Slips in the step of a cell, in attention, in the readout and in the walk over time, each seen by what users run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plain_loops
import pytest
from planting import rewritten, with_fault

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, Bidirectional, Readout, unroll
from cells import scan as walk
from minigrad.errors import GradientCheckError
from minigrad.pytree import tree_map
from minigrad.symbolic.errors import FormulaError
from minigrad.testing import assert_derivation, check_grads
from minigrad.testing.derivations import DerivationError

_RNG = np.random.default_rng(1)
D, H, T = 2, 3, 4
XS = _RNG.normal(size=(T, D))


def filled(cell: Any) -> Any:
    """Parameters without a zero, behind which a fault could hide."""
    rng = np.random.default_rng(2)
    return tree_map(lambda p: rng.normal(size=p.shape), cell.init(rng))


#: name -> (type, switches, the plain loop, right lines of a derivation)
CELLS: dict[str, tuple[type, dict[str, Any], Callable[..., Any], list[str]]] = {
    "RNN": (
        RNN,
        {},
        plain_loops.rnn,
        ["dh/dh_prev = diag(1 - h**2) @ W", "dh/dx = diag(1 - h**2) @ U", "a = U @ x + W @ h_prev + b"],
    ),
    "LSTM": (
        LSTM,
        {},
        plain_loops.lstm,
        [
            "dc/dc_prev = diag(f)",
            "dh/dc = diag(o * (1 - s**2))",
            "dc/dh_prev = diag(i*(1 - g**2)) @ W_g + diag(c_prev*f*(1 - f)) @ W_f + diag(g*i*(1 - i)) @ W_i",
            "do/dh_prev = diag(o*(1 - o)) @ W_o",
            "dc/dx = diag(i*(1 - g**2)) @ U_g + diag(c_prev*f*(1 - f)) @ U_f + diag(g*i*(1 - i)) @ U_i",
            "a_g = U_g @ x + W_g @ h_prev + b_g",
            "c = f*c_prev + i*g",
            "h = o*s",
        ],
    ),
    "LSTM peephole": (
        LSTM,
        {"peephole": True},
        plain_loops.lstm,
        [
            "dc/dc_prev = diag(f + c_prev*f*(1 - f)*p_f + g*i*(1 - i)*p_i)",
            "dh/dc = diag(o*(1 - s**2) + s*o*(1 - o)*p_o)",
            "d_p_f = sum_t(d_a_f * c_prev)",
            "d_p_o = sum_t(d_a_o * c)",
        ],
    ),
    "LSTM coupled": (
        LSTM,
        {"coupled": True},
        lambda P, xs: plain_loops.lstm(P, xs, coupled=True),
        ["dc/dg = diag(1 - f)", "c = f*c_prev + (1 - f)*g"],
    ),
    **{
        f"GRU {reset} {update}": (
            GRU,
            {"reset": reset, "update": update},
            lambda P, xs, reset=reset, update=update: plain_loops.gru(P, xs, reset, update),
            [
                f"dh/dn = diag({'1 - z' if update == 'keep' else 'z'})",
                f"dh/dz = diag({'h_prev - n' if update == 'keep' else 'n - h_prev'})",
                "dn/dr = diag(1 - n**2) @ W_n @ diag(h_prev)"
                if reset == "before"
                else "dn/dr = diag((1 - n**2) * (W_n @ h_prev + c_n))",
                "dn/dx = diag(1 - n**2) @ (U_n + W_n @ diag(h_prev*r*(1 - r)) @ U_r)"
                if reset == "before"
                else "dn/dx = diag(1 - n**2) @ (U_n + diag((W_n @ h_prev + c_n)*r*(1 - r)) @ U_r)",
                "dz/dh_prev = diag(z*(1 - z)) @ W_z",
                "a_r = U_r @ x + W_r @ h_prev + b_r",
                f"h = {'z*h_prev + (1 - z)*n' if update == 'keep' else '(1 - z)*h_prev + z*n'}",
            ],
        )
        for reset in ("before", "after")
        for update in ("keep", "write")
    },
}

_AFFINE = 'linear(params[f"U_{k}"], x) + linear(params[f"W_{k}"], h_prev) + params[f"b_{k}"]'
_HIGHWAY = "f * c_prev + i * g"
_KEEP, _WRITE = "z * h_prev + (1 - z) * n if", "(1 - z) * h_prev + z * n\n"

#: slip, cell, the right text, the wrong one
IN_STEPS: list[tuple[str, str, str, str]] = [
    ("dropped path", "RNN", "linear(U, x) + linear(W, state.h) + b", "linear(U, x) + 0.0 * linear(W, state.h) + b"),
    ("input dropped", "RNN", "linear(U, x) + linear(W, state.h) + b", "linear(W, state.h) + b"),
    ("bias dropped", "RNN", "linear(U, x) + linear(W, state.h) + b", "linear(U, x) + linear(W, state.h)"),
    ("transposed weight", "RNN", "linear(W, state.h)", "linear(W.T, state.h)"),
    ("wrong sign", "RNN", "+ linear(W, state.h)", "- linear(W, state.h)"),
    ("missing activation", "RNN", "ACTIVATIONS[self.activation](a)", "a"),
    ("missing factor", "RNN", "linear(W, state.h) + b", "0.5 * linear(W, state.h) + b"),
    ("f c_prev with c", "LSTM", _HIGHWAY, "f * (i * g) + i * g"),
    ("f h_prev for f c_prev", "LSTM", _HIGHWAY, "f * h_prev + i * g"),
    ("gate order swapped", "LSTM", _HIGHWAY, "i * c_prev + f * g"),
    ("highway dropped", "LSTM", _HIGHWAY, "i * g"),
    ("dropped path", "LSTM", _HIGHWAY, "f * c_prev"),
    ("input gate dropped", "LSTM", _HIGHWAY, "f * c_prev + g"),
    ("forget gate dropped", "LSTM", _HIGHWAY, "c_prev + i * g"),
    ("gates added", "LSTM", _HIGHWAY, "f + c_prev + i * g"),
    ("wrong sign", "LSTM", _HIGHWAY, "f * c_prev - i * g"),
    ("coupled by mistake", "LSTM", _HIGHWAY, "f * c_prev + (1 - f) * g"),
    ("missing activation", "LSTM", "output_function(c)", "c"),
    ("missing activation", "LSTM", 'input_function(named("a_g", affine("g")))', 'named("a_g", affine("g"))'),
    ("stale state", "LSTM", "output_function(c)", "output_function(c_prev)"),
    ("output gate dropped", "LSTM", 'named("h", o * s)', 'named("h", s)'),
    ("gate swapped", "LSTM", 'named("h", o * s)', 'named("h", f * s)'),
    ("missing s", "LSTM", 'named("h", o * s)', 'named("h", o * c)'),
    ("wrong activation", "LSTM", "sigmoid(named", "(lambda a: 0.5 * (a / (1 + a * a) ** 0.5) + 0.5)(named"),
    ("shared weight", "LSTM", _AFFINE, _AFFINE.replace('f"W_{k}"', '"W_g"')),
    ("shared input weight", "LSTM", _AFFINE, _AFFINE.replace('f"U_{k}"', '"U_g"')),
    ("bias dropped", "LSTM", _AFFINE, _AFFINE.replace(' + params[f"b_{k}"]', "")),
    ("transposed weight", "LSTM", _AFFINE, _AFFINE.replace('params[f"W_{k}"]', 'params[f"W_{k}"].T')),
    ("c_prev for h_prev", "LSTM", _AFFINE, _AFFINE.replace("h_prev", "c_prev")),
    ("peephole to the wrong c", "LSTM peephole", 'gate("o", c)', 'gate("o", c_prev)'),
    ("peephole to h", "LSTM peephole", 'f = gate("f", c_prev)', 'f = gate("f", h_prev)'),
    ("peephole shared", "LSTM peephole", 'params[f"p_{k}"] * c_seen', 'params["p_o"] * c_seen'),
    ("peephole dropped", "LSTM peephole", "if self.peephole:", "if self.peephole and k != 'o':"),
    ("peephole through h", "LSTM peephole", 'params[f"p_{k}"] * c_seen', 'params[f"p_{k}"] * h_prev'),
    ("i = f", "LSTM coupled", "1 - f", "f"),
    ("wrong sign", "LSTM coupled", "1 - f", "1 + f"),
    ("(1 − f)²", "LSTM coupled", "1 - f", "(1 - f) ** 2"),
    *(
        row
        for reset in ("before", "after")
        for row in (
            ("gate order swapped", f"GRU {reset} keep", _KEEP, "(1 - z) * h_prev + z * n if"),
            ("gate order swapped", f"GRU {reset} write", _WRITE, "z * h_prev + (1 - z) * n\n"),
            ("reset for update", f"GRU {reset} keep", _KEEP, "r * h_prev + (1 - r) * n if"),
            ("dropped path", f"GRU {reset} keep", _KEEP, "(1 - z) * n if"),
            ("dropped path", f"GRU {reset} write", _WRITE, "z * n\n"),
            ("wrong sign", f"GRU {reset} keep", _KEEP, "z * h_prev + (1 + z) * n if"),
            ("wrong sign", f"GRU {reset} write", _WRITE, "(1 + z) * h_prev + z * n\n"),
            ("(1 − z)²", f"GRU {reset} keep", _KEEP, "z * h_prev + (1 - z) ** 2 * n if"),
            ("missing activation", f"GRU {reset} keep", 'tanh(named("a_n", a_n))', 'named("a_n", a_n)'),
            ("shared weight", f"GRU {reset} keep", 'params[f"W_{k}"], h_prev', 'params["W_n"], h_prev'),
            ("bias dropped", f"GRU {reset} keep", ' + params[f"b_{k}"]', ""),
        )
    ),
    ("reset dropped", "GRU before keep", "r * h_prev)", "h_prev)"),
    ("reset swapped", "GRU before keep", "r * h_prev)", "z * h_prev)"),
    ("reset after", "GRU before keep", 'linear(params["W_n"], r * h_prev)', 'r * linear(params["W_n"], h_prev)'),
    ("reset dropped", "GRU after keep", 'r * (linear(params["W_n"], h_prev)', '(linear(params["W_n"], h_prev)'),
    ("reset before", "GRU after keep", 'r * (linear(params["W_n"], h_prev)', '(linear(params["W_n"], r * h_prev)'),
    ("bias outside", "GRU after keep", 'h_prev) + params["c_n"])', 'h_prev)) + params["c_n"]'),
]
_IDS = [f"{cell}: {slip}" for slip, cell, _, _ in IN_STEPS]


def check_line_by_line(cell: Any, lines: list[str]) -> None:
    """Stops at the first line that is wrong: the search for the name of a slip takes a while."""
    for line in lines:
        assert_derivation(cell, line)


@pytest.mark.parametrize("name", CELLS)
def test_a_right_cell_passes(name: str) -> None:
    """Without a fault a cell agrees with the plain loop, and every line of its derivation is proved."""
    kind, switches, loop, lines = CELLS[name]
    cell = kind(D, H, **switches)
    params = filled(cell)

    np.testing.assert_allclose(unroll(cell, params, XS).outputs, loop(params, XS), rtol=1e-12, atol=1e-14)
    assert_derivation(cell, lines)


@pytest.mark.parametrize(("slip", "name", "old", "new"), IN_STEPS, ids=_IDS)
def test_a_slip_in_a_step_is_seen_by_the_oracle(slip: str, name: str, old: str, new: str) -> None:
    """The plain loop from the paper's formula disagrees with a cell whose step has a slip."""
    kind, switches, loop, _ = CELLS[name]
    cell = with_fault(kind, "step", old, new)(D, H, **switches)
    params = filled(cell)

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(unroll(cell, params, XS).outputs, loop(params, XS), rtol=1e-6)


@pytest.mark.parametrize(("slip", "name", "old", "new"), IN_STEPS, ids=_IDS)
def test_a_slip_in_a_step_is_seen_in_the_derivation(slip: str, name: str, old: str, new: str) -> None:
    """A right line of the textbook is refuted, or names what is not there, for a cell whose step has a slip."""
    kind, switches, _, lines = CELLS[name]
    cell = with_fault(kind, "step", old, new)(D, H, **switches)

    with pytest.raises((DerivationError, FormulaError)):
        check_line_by_line(cell, lines)


#: Values stay right and a path of the gradient is lost: only a derivative can show it.
DETACHED: list[tuple[str, str, str]] = [
    ("RNN", "linear(W, state.h)", "linear(W, STOP(state.h))"),
    ("RNN", "linear(U, x)", "linear(STOP(U), x)"),
    ("LSTM", "f * c_prev +", "f * STOP(c_prev) +"),
    ("LSTM", "f * c_prev +", "STOP(f) * c_prev +"),
    ("LSTM", "+ i * g", "+ i * STOP(g)"),
    ("LSTM", "output_function(c)", "output_function(STOP(c))"),
    ("LSTM", 'params[f"W_{k}"], h_prev', 'params[f"W_{k}"], STOP(h_prev)'),
    ("LSTM peephole", "* c_seen", "* STOP(c_seen)"),
    ("LSTM coupled", "1 - f", "1 - STOP(f)"),
    ("GRU before keep", "r * h_prev)", "STOP(r) * h_prev)"),
    ("GRU before keep", _KEEP, "z * STOP(h_prev) + (1 - z) * n if"),
    ("GRU before keep", _KEEP, "z * h_prev + (1 - STOP(z)) * n if"),
    ("GRU after write", "* n\n", "* STOP(n)\n"),
]


@pytest.mark.parametrize(("name", "old", "new"), DETACHED, ids=[f"{name}: {new}".strip() for name, _, new in DETACHED])
def test_a_detached_state_is_seen_by_check_grads(name: str, old: str, new: str) -> None:
    """A path that is cut by mistake leaves all values right; check_grads sees it."""
    kind, switches, loop, _ = CELLS[name]
    cell = with_fault(kind, "step", old, new.replace("STOP", "__import__('minigrad').stop_gradient"))(D, H, **switches)
    params = filled(cell)
    np.testing.assert_allclose(unroll(cell, params, XS).outputs, loop(params, XS), rtol=1e-12, atol=1e-14)

    with pytest.raises(GradientCheckError):
        check_grads(lambda p: unroll(cell, p, XS[:2]).outputs, params, modes=("reverse",))


#: slip, score, method, right, wrong
IN_ATTENTION: list[tuple[str, str, str, str, str]] = [
    ("missing activation", "additive", "scores", 'tanh(linear(params["W"], q) + linear(params["U"], m))',
     '(linear(params["W"], q) + linear(params["U"], m))'),
    ("dropped path", "additive", "scores", 'linear(params["W"], q) + linear(params["U"], m)', 'linear(params["U"], m)'),
    ("missing activation", "concat", "scores", 'tanh(linear(params["W"], both))', 'linear(params["W"], both)'),
    ("query and memory swapped", "concat", "scores", "[broadcast_to(q, (m.shape[0], *q.shape)), m]",
     "[m, broadcast_to(q, (m.shape[0], *q.shape))]"),
    ("transposed weight", "general", "scores", 'params["W"].T', 'params["W"]'),
    ("missing factor", "scaled_dot", "scores", "/ sqrt(self.query_size)", ""),
    ("no root", "scaled_dot", "scores", "sqrt(self.query_size)", "self.query_size"),
    ("product for quotient", "scaled_dot", "scores", "/ sqrt", "* sqrt"),
    ("scaled by mistake", "dot", "scores", "    return _dots(m, q)\n", "    return _dots(m, q) / sqrt(3)\n"),
    ("no softmax", "dot", "attend", "softmax(e, 0)", "e"),
    ("wrong sign", "dot", "attend", "softmax(e, 0)", "softmax(-e, 0)"),
    ("sum for mean", "dot", "attend", "softmax(e, 0)", "(softmax(e, 0) * m.shape[0])"),
    ("mask turned", "dot", "attend", "e.shape), e, -np.inf", "e.shape), -np.inf, e"),
    ("mask by zero", "dot", "attend", "e, -np.inf)", "e, 0.0)"),
    ("mask forgotten", "dot", "attend", "if mask is not None:", "if mask is None and False:"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("slip", "score", "method", "old", "new"), IN_ATTENTION, ids=[f"{row[1]}: {row[0]}" for row in IN_ATTENTION]
)
def test_a_slip_in_attention_is_seen_by_the_oracle(slip: str, score: str, method: str, old: str, new: str) -> None:
    """The plain formula of each score disagrees with attention that has a slip, and agrees without it."""
    q, m = _RNG.normal(size=H), _RNG.normal(size=(5, H))
    right, wrong = Attention(H, score=score), with_fault(Attention, method, old, new)(H, score=score)
    params = filled(right)
    mask = np.array([True, False, True, True, False]) if "mask" in slip else np.ones(5, bool)
    expected = plain_loops.attention(params, q, m[mask], score)

    np.testing.assert_allclose(right.attend(params, q, m, mask).context, expected, rtol=1e-12)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(wrong.attend(params, q, m, mask).context, expected, rtol=1e-6)


#: slip, right, wrong, in the loop over time
IN_WALK: list[tuple[str, str, str]] = [
    ("stale state between steps", "state = cell.step(params, before", "cell.step(params, before"),
    ("index off by one", "xs[t - 1]", "xs[t - 2]"),
    ("index off by one, ahead", "xs[t - 1]", "xs[t % T]"),
    ("state forgotten", "before, alive = state", "before, alive = tree_map(lambda s: 0.0 * s, state)"),
    ("first output again", "append(state.h if", "append(states[0].h if states else state.h if"),
    ("cut forgotten", "state = tree_map(stop_gradient, state)", "pass"),
    ("detached state", "if walk.cuts_before(t, T):", "if True:"),
]


@pytest.mark.parametrize(("slip", "old", "new"), IN_WALK, ids=[row[0] for row in IN_WALK])
def test_a_slip_in_the_walk_over_time(monkeypatch: Any, slip: str, old: str, new: str) -> None:
    """A stale or detached state, a wrong index and a wrong cut change values or gradients against the plain loop."""
    cell = RNN(D, H)
    params = filled(cell)

    def seen(xs: Any = XS) -> tuple[Any, Any, Any]:
        """Outputs, the gradient, and the gradient truncated to one step."""
        last = [mg.grad(lambda p, k=k: unroll(cell, p, xs, truncate=k).outputs[-1].sum())(params) for k in (None, 1)]
        return unroll(cell, params, xs).outputs, last[0]["W"], last[1]["W"]

    def expected() -> tuple[Any, Any, Any]:
        """The same by plain loops: δ_T, and back through W."""
        hs = np.array([np.zeros(H), *plain_loops.rnn(params, XS)])
        delta, full, cut = np.ones(H), 0.0, None
        for t in range(T, 0, -1):
            delta = delta * (1 - hs[t] ** 2)
            full = full + np.outer(delta, hs[t - 1])
            cut = full if cut is None else cut
            delta = params["W"].T @ delta
        return hs[1:], full, cut

    def agrees() -> bool:
        return all(np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(seen(), expected(), strict=True))

    assert agrees()
    monkeypatch.setattr(walk, "_run_steps", rewritten(walk._run_steps, old, new))
    assert not agrees()


@pytest.mark.parametrize(
    ("old", "new"),
    [("walk.turned()", "walk"), ("concatenate(halves, -1)", "concatenate(halves[::-1], -1)"),
     ("back.outputs", "back.outputs[::-1]")],
    ids=["both forward", "halves exchanged", "not turned back"],
)  # fmt: skip
def test_a_slip_in_a_two_way_net(old: str, new: str) -> None:
    """Two plain loops, one over the turned sequence, disagree with a two-way net that has a slip."""
    right = Bidirectional(RNN(D, H), RNN(D, H))
    wrong = with_fault(Bidirectional, "run", old, new)(RNN(D, H), RNN(D, H))
    params = filled(right)
    params["backward"] = tree_map(lambda p: 0.5 * p, params["backward"])
    ahead = plain_loops.rnn(params["forward"], XS)
    back = plain_loops.rnn(params["backward"], XS[::-1])[::-1]
    expected = np.concatenate([ahead, back], 1)

    np.testing.assert_allclose(unroll(right, params, XS).outputs, expected, rtol=1e-12, atol=1e-14)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(unroll(wrong, params, XS).outputs, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [
        ("logits", ' + params["c"]', ""),
        ("logits", 'linear(params["V"], h)', '-linear(params["V"], h)'),
        ("loss", "return sum(cross_entropy(self.logits(params, h), targets))",
         "return sum(cross_entropy(self.logits(params, h), targets)) / h.shape[0]"),
        ("loss", "return sum(cross_entropy(self.logits(params, h), targets))",
         "return sum(cross_entropy(self.logits(params, h)[1:], targets[:-1]))"),
        ("loss", "return sum(cross_entropy(self.logits(params, h), targets))",
         "return sum(cross_entropy(self.logits(params, h)[-1], targets[-1]))"),
        ("loss", "return sum(cross_entropy(self.logits(params, h), targets))",
         "return sum(cross_entropy(softmax(self.logits(params, h)), targets))"),
    ],
    ids=["bias dropped", "wrong sign", "mean for sum", "index off by one", "last step only", "softmax twice"],
)  # fmt: skip
def test_a_slip_in_the_readout(method: str, old: str, new: str) -> None:
    """The plain sum of −log ŷ disagrees with a readout that has a slip."""
    right, wrong = Readout(H, 4), with_fault(Readout, method, old, new)(H, 4)
    params, hs, targets = filled(right), _RNG.normal(size=(T, H)), np.array([0, 3, 1, 2])
    expected = plain_loops.loss(params, hs, targets)

    np.testing.assert_allclose(right.loss(params, hs, targets), expected, rtol=1e-12)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(wrong.loss(params, hs, targets), expected, rtol=1e-6)
