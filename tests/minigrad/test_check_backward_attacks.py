"""check_backward against right passes that look wrong, and wrong ones that look right."""

import subprocess
import sys
import unittest
from itertools import count

import numpy as np
import pytest
from hypothesis import assume
from hypothesis.errors import NoSuchExample

import minigrad as mg
from minigrad.errors import GradientCheckError, OptionError, TreeError, UndecidedGradientError
from minigrad.testing import check_backward
from minigrad.testing.cases import planned

ONE = {"D": (1, 3)}


def vector(rng, D):
    """One array."""
    return (rng.normal(size=D),)


def square(x):
    """The loss ½‖x‖²."""
    return 0.5 * np.sum(x * x)


def complaint(f, backward, make_args, **options):
    """The text of the error that a wrong pass raises."""
    with pytest.raises(GradientCheckError) as caught:
        check_backward(f, backward, make_args, **options)
    return str(caught.value)


def sigmoid(a):
    """The logistic function, of Tensors too."""
    return 1 / (1 + np.exp(-a))


def gru(x, h, Wz, Wr, Wn):
    """One step of a GRU, and its gates."""
    hx = np.concatenate([h, x])
    z, r = sigmoid(Wz @ hx), sigmoid(Wr @ hx)
    n = np.tanh(Wn @ np.concatenate([r * h, x]))
    return (1 - z) * h + z * n, (z, r, n)


def gru_loss(x, h, Wz, Wr, Wn):
    """The sum of the new state."""
    return np.sum(gru(x, h, Wz, Wr, Wn)[0])


def gru_backward(x, h, Wz, Wr, Wn):
    """The gradient with respect to h and the weights, in the precision of its arguments."""
    z, r, n = gru(x, h, Wz, Wr, Wn)[1]
    da_n = z * (1 - n**2)
    back = (Wn.T @ da_n)[: len(h)]
    da_z, da_r = (n - h) * z * (1 - z), back * h * r * (1 - r)
    dh = (1 - z) + r * back + (Wz.T @ da_z)[: len(h)] + (Wr.T @ da_r)[: len(h)]
    hx = np.concatenate([h, x])
    return dh, np.outer(da_z, hx), np.outer(da_r, hx), np.outer(da_n, np.concatenate([r * h, x]))


def gru_args(dtype):
    """Random arguments of one precision."""

    def make(rng, H, D):
        shapes = [(D,), (H,), (H, H + D), (H, H + D), (H, H + D)]
        return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)

    return make


class Layer:
    """A recurrent layer over a batch that keeps its states in buffers of float32, and what the forward pass stored."""

    def __init__(self, Wx, Wh, b, factor=1.0):
        self.params = Wx, Wh, b
        self.factor = factor
        self.states = []

    def forward(self, xs):
        """All states."""
        Wx, Wh, b = self.params
        N, T, _ = xs.shape
        hs = np.empty((N, T, len(b)), dtype="f")
        h = np.zeros((N, len(b)), dtype="f")
        self.states = [h]
        for t in range(T):
            h = np.tanh(h @ Wh + xs[:, t] @ Wx + b)
            hs[:, t] = h
            self.states.append(h)
        self.xs = xs
        return hs

    def backward(self, dhs):
        """Gradients of the parameters and of xs."""
        Wx, Wh, b = self.params
        dxs = np.empty(self.xs.shape, dtype="f")
        dWx, dWh, db, dh = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b), 0
        for t in reversed(range(dhs.shape[1])):
            da = (dhs[:, t] + dh) * (1 - self.states[t + 1] ** 2)
            dWx += self.xs[:, t].T @ da
            dWh += self.states[t].T @ da * self.factor
            db += da.sum(0)
            dxs[:, t], dh = da @ Wx.T, da @ Wh.T
        return dWx, dWh, db, dxs


def layer(dtype, factor=1.0):
    """Forward and backward pass of a float32 layer, and its arguments."""

    def make(rng, T, H, D, N):
        shapes = [(D, H), (H, H), (H,), (N, T, D), (N, T, H)]
        return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)

    def forward(Wx, Wh, b, xs, weights):
        return np.sum(Layer(Wx, Wh, b).forward(xs) * weights)

    def backward(Wx, Wh, b, xs, weights):
        made = Layer(Wx, Wh, b, factor)
        made.forward(xs)
        return made.backward(weights)

    return forward, backward, make


LAYER = {"wrt": (0, 1, 2, 3), "sizes": {"T": (1, 3), "H": (1, 2), "D": (1, 2), "N": (1, 2)}, "examples": 24}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_gru_cells_of_either_precision_pass(dtype, seed):
    """A right GRU cell in float32 is not refuted for its rounding."""
    sizes = {"H": (1, 4), "D": (1, 3)}
    check_backward(gru_loss, gru_backward, gru_args(dtype), wrt=(1, 2, 3, 4), sizes=sizes, seed=seed, examples=40)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_forward_pass_that_computes_in_float32_inside_passes(dtype, seed):
    """A layer with float32 buffers is judged by its measured rounding, not by the dtype of its arguments."""
    check_backward(*layer(dtype), seed=seed, **LAYER)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_does_not_hide_one_percent(dtype):
    """A factor of 1.01 in a float32 layer is wrong, and the gradient that carries it is the only one named."""
    text = complaint(*layer(dtype, factor=1.01), **LAYER)

    assert "the gradient of Wh[" in text
    assert "right there: Wx, b, xs" in text


@pytest.mark.parametrize("factor", [1 + 3e-6, 1.0001, 1.01])
def test_small_factors_are_wrong_in_float64(factor):
    """The tolerance in float64 is a millionth."""
    assert "is wrong at D=1" in complaint(lambda x: np.sum(np.exp(x)), lambda x: factor * np.exp(x), vector, sizes=ONE)


def relu_net(slope):
    """Two layers of relu on zeros: every kink is hit exactly."""

    def forward(P, x):
        return np.sum(P["V"] * np.maximum(P["W"] @ np.maximum(P["U"] @ x + P["b"], 0) + P["c"], 0))

    def backward(P, x):
        a = P["U"] @ x + P["b"]
        e = P["W"] @ np.maximum(a, 0) + P["c"]
        de = P["V"] * slope(e)
        da = (P["W"].T @ de) * slope(a)
        return {
            "U": np.outer(da, x),
            "b": da,
            "W": np.outer(de, np.maximum(a, 0)),
            "c": de,
            "V": np.maximum(e, 0),
        }

    def make(rng, H):
        zero = {"b": np.zeros(H), "c": np.zeros(H), "U": rng.normal(size=(H, 2))}
        return {**zero, "W": rng.normal(size=(H, H)), "V": rng.normal(size=H)}, np.zeros(2)

    return forward, backward, make


@pytest.mark.parametrize("plain", [False, True], ids=["tensors", "arrays"])
@pytest.mark.parametrize(
    "slope", [lambda a: a > 0, lambda a: a >= 0, lambda a: np.heaviside(a, 0.5)], ids=["0", "1", "one half"]
)
def test_any_slope_at_a_kink_is_right(slope, plain):
    """relu's slope at 0 may be 0, 1 or between: the loss has no other there."""
    forward, backward, make = relu_net(slope)

    def on_arrays(P, x):
        return float(forward({name: np.array(value) for name, value in P.items()}, x))

    check_backward(on_arrays if plain else forward, backward, make, sizes={"H": (1, 2)}, examples=6)


@pytest.mark.parametrize(
    "slope", [lambda a: 2 * (a > 0), lambda a: a <= 0, lambda a: 0 * a, lambda a: np.where(a == 0, np.nan, a > 0)],
    ids=["2", "turned", "none", "nan"],
)  # fmt: skip
def test_a_kink_excuses_nothing_beside_it(slope):
    """A wrong slope beside the kink, or NaN at it, is found though all arguments are at kinks."""
    forward, backward, make = relu_net(slope)

    assert "is wrong at H=1" in complaint(forward, backward, make, sizes={"H": (1, 2)}, examples=6)


@pytest.mark.parametrize(
    ("f", "backward"),
    [
        (lambda x: np.sum(np.maximum(x, -x)), np.sign),
        (lambda x: np.max(np.concatenate([x, x])), lambda x: np.eye(len(x))[np.argmax(x)]),
        (lambda x: float(np.abs(x).sum()), np.sign),
    ],
    ids=["absolute value", "two maxima", "on arrays"],
)
def test_ties_and_corners(f, backward):
    """The absolute value at 0, and a maximum that is reached twice."""

    def make(rng, D):
        return (rng.integers(-1, 2, size=D).astype(float),)

    check_backward(f, backward, make, sizes=ONE, examples=30)


#: The same loss on Tensors, and as plain arrays alone can compute it.
JUDGES = {"tensors": lambda x: x, "arrays": float}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(("factor", "constant"), [(1e-10, 0), (1e10, 0), (1, 1e9)])
def test_scale_and_constants_of_the_loss_do_not_matter(judge, factor, constant):
    """Right passes pass and zeros fail whatever the loss is multiplied by or added to."""

    def f(x):
        return JUDGES[judge](factor * np.sum(np.exp(x)) + constant)

    check_backward(f, lambda x: factor * np.exp(x), vector, sizes=ONE, examples=10)
    text = complaint(f, lambda x: 0 * x, vector, sizes=ONE, examples=10)
    assert "it is zero in every case tried" in text


def small_rnn(scale, backward_of):
    """A plain RNN with small weights, differentiated with respect to its initial state and its inputs."""

    def forward(h, xs, W):
        for x in xs:
            h = np.tanh(W @ h + x)
        return np.sum(h)

    def backward(h, xs, W):
        hs = [h]
        for x in xs:
            hs.append(np.tanh(W @ hs[-1] + x))
        dxs, delta = np.zeros_like(xs), np.ones_like(h)
        for t in reversed(range(len(xs))):
            dxs[t] = delta * (1 - hs[t + 1] ** 2)
            delta = W.T @ dxs[t]
        return backward_of(delta, dxs)

    def make(rng, T, H):
        return rng.normal(size=H), rng.normal(size=(T, H)), scale * rng.normal(size=(H, H))

    return forward, backward, make


RNN = {"wrt": (0, 1), "sizes": {"T": (1, 6), "H": (1, 3)}, "examples": 30}


@pytest.mark.parametrize("scale", [1, 0.05, 1e-3])
def test_vanished_gradients_are_compared_with_themselves(scale):
    """∂L/∂h_0 through small weights: the right one passes, zeros do not."""
    check_backward(*small_rnn(scale, lambda dh, dxs: (dh, dxs)), **RNN)

    assert "the gradient of h[" in complaint(*small_rnn(scale, lambda dh, dxs: (0 * dh, dxs)), **RNN)


def test_a_truncated_pass_is_found_though_what_it_drops_is_small():
    """Rows of a gradient that are 0 for 1e-6 of the largest row are wrong."""

    def truncated(dh, dxs):
        dxs[:-4] = 0
        return dh, dxs

    text = complaint(*small_rnn(0.05, truncated), **RNN)

    assert "is wrong at T=5, H=1" in text
    assert "it is wrong from lag 4 on" in text


def scores(bias, scale):
    """A softmax, which a common bias of all scores does not change."""
    e = np.exp(scale * np.arange(1.0, 4) + bias)
    return e[0] / np.sum(e)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("claimed", [0.0, 1e-17])
def test_a_gradient_that_is_zero_in_theory_passes(judge, claimed, dtype):
    """Where rounding is all that is left of a gradient, zero and other rounding are right."""

    def backward(bias, scale):
        e = np.exp(scale * np.arange(1.0, 4) + bias)
        p, k = e / e.sum(), np.arange(1.0, 4)
        return np.zeros_like(bias) + claimed, np.asarray(p[0] * (1 - p @ k), scale.dtype)

    def make(rng):
        return np.asarray(rng.normal(), dtype), np.asarray(rng.normal(), dtype)

    check_backward(lambda b, s: JUDGES[judge](scores(b, s)), backward, make, wrt=(0, 1), sizes={}, examples=10)


def test_every_size_is_tried_where_all_fit():
    """A pass that is wrong at one of 72 sizes, or at a corner alone, is found; the sizes are named."""
    for bad in ((6, 4, 3), (2, 4, 1)):

        def backward(x, bad=bad):
            return x * (2 if x.shape == bad else 1)

        text = complaint(square, backward, lambda rng, T, H, D: (rng.normal(size=(T, H, D)),))
        assert f"is wrong at T={bad[0]}, H={bad[1]}, D={bad[2]}" in text


def test_corners_and_different_sizes_are_always_tried():
    """Of ranges that do not fit, all corners are tried, and sizes of which no two are equal."""
    ranges = {"T": (1, 50), "H": (2, 40), "D": (1, 30)}
    sizes = [tuple(case.sizes.values()) for case in planned(ranges, 20, 3)]

    assert {(t, h, d) for t in (1, 50) for h in (2, 40) for d in (1, 30)} <= set(sizes)
    assert any(len(set(size)) == 3 and min(size) > 20 for size in sizes)
    assert len(sizes) == len(set(sizes)) == 20
    assert sizes == sorted(sizes, key=lambda size: (sum(size), size))
    assert all(
        low <= case.sizes[name] <= high for case in planned(ranges, 20, 3) for name, (low, high) in ranges.items()
    )


def test_seeds_are_the_callers():
    """The same seed gives the same arguments and text, another seed others; at the smallest sizes 100 draws differ."""
    drawn = []

    def make(rng):
        drawn.append(float(rng.normal()))
        return (np.array(drawn[-1]),)

    check_backward(square, lambda x: x, make, sizes={}, seed=1)
    first = drawn[:]
    drawn.clear()
    check_backward(square, lambda x: x, make, sizes={}, seed=1)
    assert drawn == first
    assert len(set(first)) == 100
    drawn.clear()
    check_backward(square, lambda x: x, make, sizes={}, seed=2)
    assert not set(drawn) & set(first)


def test_a_rare_fault_needs_the_examples():
    """A pass that is wrong for one draw in thirty is found by a hundred examples."""
    assert "is wrong" in complaint(
        square, lambda x: x * np.where(np.abs(x) > 2.1, 2, 1), lambda rng: (rng.normal(size=()),), sizes={}
    )


@pytest.mark.parametrize(
    "options",
    [{"sizes": {"D": (3, 1)}}, {"examples": 0}, {"seed": -1}, {"seed": 0.5}, {"seed": True}, {"sizes": {"D": (1,)}}],
)
def test_options_out_of_range_are_refused(options):
    """Empty ranges, no examples and seeds that are none are errors at once."""
    with pytest.raises(OptionError):
        check_backward(square, lambda x: x, vector, **{"sizes": ONE, **options})


def test_arguments_that_are_no_tuple_are_refused():
    """One array is not taken apart into its rows."""
    with pytest.raises(TreeError, match=r"make_args must return a tuple of arguments, got ndarray; write \(x,\)"):
        check_backward(square, lambda x: x, lambda rng, D: rng.normal(size=D), sizes=ONE)


def test_no_other_library_and_no_files(tmp_path):
    """The check needs NumPy alone, whatever modules lie about, and leaves nothing behind."""
    (tmp_path / "sizes.py").write_text("SECRET = 3\n")
    code = (
        "import sys, sizes, numpy as np; from minigrad.testing import check_backward\n"
        "check_backward(lambda x: np.sum(x), np.ones_like, lambda rng, D: (rng.normal(size=D),), sizes={'D': (1, 3)})\n"
        "assert 'hypothesis' not in sys.modules"
    )
    subprocess.run([sys.executable, "-B", "-c", code], cwd=tmp_path, check=True)

    assert [path.name for path in tmp_path.iterdir()] == ["sizes.py"]


def raising(error):
    """A backward pass that raises something at H = 1."""

    def backward(x):
        if len(x) == 1:
            raise error
        return x

    return backward


@pytest.mark.parametrize(
    "error",
    [
        IndexError("index 1 is out of bounds"),
        NoSuchExample("nothing found"),
        SystemExit(0),
        unittest.SkipTest("later"),
        pytest.skip.Exception("later"),
        NotImplementedError("todo"),
        GradientCheckError("mine"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_of_backward_are_told_with_their_sizes(error):
    """Whatever backward raises, it is a failure with the sizes at which it arose and those at which it does not."""
    text = complaint(square, raising(error), lambda rng, H: (rng.normal(size=H),), sizes={"H": (1, 3)})

    assert f"backward raised {type(error).__name__} at H=1; it runs at H=2" in text
    assert str(error) in text


def test_assumptions_are_no_way_out():
    """A backward pass that assumes its arguments away has raised."""

    def backward(x):
        assume(False)

    assert "backward raised " in complaint(square, backward, vector, sizes=ONE)


def test_exceptions_at_all_sizes():
    """A pass that never runs is said to be that."""

    def backward(x):
        raise NotImplementedError

    assert "backward raised NotImplementedError at D=1, and at all other sizes tried" in complaint(
        square, backward, vector, sizes=ONE
    )


def test_exceptions_of_the_forward_pass_carry_the_sizes():
    """An error of f or make_args stays what it is, with a note of the sizes."""

    def f(x):
        if len(x) == 2:
            raise LookupError("no such layer")
        return square(x)

    with pytest.raises(LookupError) as caught:
        check_backward(f, lambda x: x, vector, sizes=ONE)
    assert caught.value.__notes__ == ["raised by f at D=2"]

    with pytest.raises(TypeError) as caught:
        check_backward(square, lambda x: x, lambda rng: (np.ones(2),), sizes=ONE)
    assert caught.value.__notes__ == ["raised by make_args at D=1"]


def test_overwritten_arguments_are_told():
    """A function that writes into its arguments is told so, with their names; the other one is not disturbed."""

    def make(rng, D):
        return {"W": rng.normal(size=D)}, rng.normal(size=D)

    def f(P, xs):
        return np.sum(P["W"] * xs)

    def zeroes(P, xs):
        result = {"W": xs.copy()}
        xs[:] = 0
        return result

    def shifts(P, xs):
        P["W"] -= 1
        return np.sum((P["W"] + 1) * xs)

    assert "backward overwrites xs" in complaint(f, zeroes, make, sizes=ONE)
    assert 'f overwrites P["W"]' in complaint(shifts, lambda P, xs: {"W": xs}, make, sizes=ONE)


@pytest.mark.parametrize("period", [2, 3, 5])
def test_a_pass_that_is_wrong_now_and_then_is_told(period):
    """A pass that depends on how often it was called is not just wrong."""
    calls = count(1)

    def backward(x):
        return x * (2 if next(calls) % period == 0 else 1)

    text = complaint(square, backward, vector, sizes=ONE)

    assert "two answers for the same arguments" in text or "right when it is called again" in text


def test_sums_that_are_never_reset_are_named():
    """A second call that gives twice the first is what `+=` into a kept gradient does."""

    class Net:
        def __init__(self):
            self.sum = {}

        def backward(self, x):
            self.sum[len(x)] = self.sum.get(len(x), 0) + x
            return self.sum[len(x)]

    text = complaint(square, Net().backward, vector, sizes=ONE, examples=1)

    assert "the second is twice the first: set sums to zero" in text


def test_random_losses_are_told():
    """A loss that is random or keeps a state has no gradient to compare with."""
    calls = count()

    with pytest.raises(UndecidedGradientError, match=r"f is random \(it draws from np.random\)"):
        check_backward(lambda x: np.sum(x * np.random.rand(len(x))), lambda x: x, vector, sizes=ONE)  # noqa: NPY002
    with pytest.raises(UndecidedGradientError, match=r"f is random \(or it keeps a state between calls\)"):
        check_backward(lambda x: np.sum(x) * next(calls), lambda x: x, vector, sizes=ONE)


def test_a_loss_that_is_never_finite_is_undecided():
    """NaN has no gradient: nothing is right or wrong."""
    with pytest.raises(UndecidedGradientError, match=r"the gradient of x: the loss is nan \(as at D=1\)"):
        check_backward(lambda x: np.sum(x) * np.nan, lambda x: x, vector, sizes=ONE)


def test_a_forward_pass_may_store_what_backward_needs():
    """f runs on plain arrays just before backward, as in training."""
    stored = {}

    def f(x):
        stored["y"] = np.tanh(x)
        return np.sum(stored["y"])

    check_backward(f, lambda x: 1 - stored["y"] ** 2, vector, sizes=ONE)


def test_all_wrong_gradients_are_shown():
    """Two wrong gradients, one of another shape and one of another dtype are told together, and the right one too."""

    def f(P):
        return sum(np.sum(np.exp(P[name])) for name in "abcde")

    def backward(P):
        d = {name: np.exp(P[name]) for name in "abcde"}
        return d | {"a": -d["a"], "b": d["b"][:, None], "c": d["c"] + 1j, "e": d["e"] * np.nan}

    text = complaint(f, backward, lambda rng, D: ({name: rng.normal(size=D) for name in "abcde"},), sizes={"D": (2, 3)})

    assert 'gradient of P["a"][' in text
    assert 'gradient of P["b"] has the shape (2, 1), expected an array of the shape of P["b"], (2,)' in text
    assert 'gradient of P["c"] has dtype complex128' in text
    assert 'right there: P["d"]' in text
    assert 'gradient of P["e"][0] is nan' in text


def test_the_printed_arguments_are_those_of_the_failure():
    """The line at the end of a report makes the arguments again."""

    def backward(x):
        return np.where(x > 1.5, 0, x)

    text = complaint(square, backward, lambda rng, D: (rng.normal(size=D),), sizes={"D": (1, 1)})
    line = text.splitlines()[-1].partition("its arguments: make_args")[2]
    x = eval(f"make{line}", {"make": lambda rng, D: rng.normal(size=D), "np": np})

    assert x[0] > 1.5


def exploding(change):
    """A scalar recurrence with large gradients, and a backward pass whose result or δ is changed."""

    def forward(w, xs):
        h = 0.0
        for x in xs:
            h = w[0] * h + w[1] * x
        return h**2

    def backward(w, xs):
        hs = [0.0]
        for x in xs:
            hs.append(w[0] * hs[-1] + w[1] * x)
        d, delta = np.zeros(2), 2 * hs[-1]
        for t in reversed(range(len(xs))):
            d += np.array([delta * hs[t], delta * xs[t]])
            delta = change(w[0] * delta, inside=True)
        return change(d, inside=False)

    return forward, backward, lambda rng, T: (rng.normal(size=2) * 2, rng.normal(size=T))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d, inside: d if inside else np.clip(d, -5, 5), "clipped entry by entry at ±5,"),
        (lambda d, inside: d if inside else d * min(1, 3 / max(1e-9, np.linalg.norm(d))), "to the norm 3,"),
        (lambda d, inside: np.clip(d, -1, 1) if inside else d, "with np.clip left out they are right in all"),
    ],
    ids=["value", "norm", "between steps"],
)
def test_clipping_is_named(change, said):
    """A pass that clips is said to clip, and at what; it is not called wrong from some lag on."""
    text = complaint(*exploding(change), sizes={"T": (1, 6)})

    assert text.startswith("backward clips its gradients at T=")
    assert said in text
    assert "lag" not in text


def test_clipping_of_ones_own_is_named_as_what_it_seems():
    """A function of its own name that clips between steps is named, with the cases in which it does no harm."""

    def clip_delta(d):
        return max(-1.0, min(1.0, d))

    text = complaint(*exploding(lambda d, inside: clip_delta(d) if inside else d), sizes={"T": (1, 6)})

    assert "it calls `clip_delta` and is right in " in text


@pytest.mark.parametrize(
    ("backward", "remark"),
    [
        (lambda W: -np.exp(W), "-1 times the right gradient, in all"),
        (lambda W: 0.5 * np.exp(W), "0.5 times the right gradient, in all"),
        (lambda W: np.exp(W) / len(W), "1/T times the right gradient, in all"),
        (lambda W: np.exp(W) * len(W), "T times the right gradient, in all"),
        (lambda W: np.exp(W).T, "the transpose of the right gradient, in all"),
        (lambda W: 0 * W, "it is zero in every case tried"),
    ],
)
def test_advice_that_holds_is_given(backward, remark):
    """A factor, a size as a factor, a transposition and zeros are named when all cases show them."""

    def make(rng, T):
        return (rng.normal(size=(T, T)),)

    assert remark in complaint(lambda W: np.sum(np.exp(W)), backward, make, sizes={"T": (2, 4)})


@pytest.mark.parametrize(
    "backward",
    [
        lambda x: np.where(np.arange(len(x)) == 0, 1.016 * x, x),  # one factor for one entry
        lambda x: x + 1e-2,
        lambda x: x * np.abs(x) ** 0.1,
    ],
    ids=["one entry", "a constant", "a factor of each its own"],
)
def test_advice_that_does_not_hold_is_not_given(backward):
    """One entry's quotient is no factor of the gradient, and a size called T is not said to be time."""
    text = complaint(square, backward, lambda rng, T: (rng.normal(size=T),), sizes={"T": (1, 4)})

    assert "times the right gradient" not in text
    assert "lag" not in text.replace("If T counts time steps, it is wrong from lag", "")


def test_exchanged_gradients_are_named():
    """Two gradients of one shape in the wrong order are each said to be the other."""
    text = complaint(
        lambda a, b: np.sum(np.exp(a) * b),
        lambda a, b: (np.exp(a), np.exp(a) * b),
        lambda rng, D: (rng.normal(size=D), rng.normal(size=D)),
        wrt=(0, 1),
        sizes=ONE,
    )

    assert "the right gradient of b, in all" in text
    assert "the right gradient of a, in all" in text


def test_the_judge_is_judged():
    """Where an automatic gradient is not that of the numbers, difference quotients decide, for the pass."""

    def held(x):
        return np.sum(x * mg.stop_gradient(x)) if isinstance(x, mg.Tensor) else np.sum(x * x)

    check_backward(held, lambda x: 2 * x, vector, sizes=ONE, examples=10)
    assert "is wrong" in complaint(held, lambda x: 3 * x, vector, sizes=ONE, examples=10)


def test_saturation_is_no_fault():
    """Where a sigmoid is 1 to rounding, a slope of 0 is as right as 1e-20; elsewhere it is wrong."""

    def steep(x):
        return np.sum(sigmoid(40 * x))

    def backward(x, factor=40):
        return factor * sigmoid(40 * x) * (1 - sigmoid(40 * x))

    check_backward(steep, backward, vector, sizes=ONE)
    assert "is wrong at D=1" in complaint(steep, lambda x: backward(x, 39), vector, sizes=ONE)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_every_precision_passes_and_shows_a_fifth(dtype):
    """A right pass passes in each precision, and a factor of 1.2 is wrong in each."""

    def f(x):
        return np.sum(np.tanh(x))

    def make(rng, D):
        return (rng.normal(size=D).astype(dtype),)

    check_backward(f, lambda x: 1 - np.tanh(x) ** 2, make, sizes=ONE)
    assert "is wrong at D=1" in complaint(f, lambda x: (1.2 * (1 - np.tanh(x) ** 2)).astype(dtype), make, sizes=ONE)


@pytest.mark.quick("0.3")
@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0])
def test_a_kink_in_a_small_entry_beside_large_ones(slope: float) -> None:
    """At relu's 0 any slope between the sides is right, also for an entry far smaller than the others."""

    def backward(W: np.ndarray, x: np.ndarray) -> np.ndarray:
        a = W @ x
        return np.outer(np.where(a == 0, slope, a > 0), x)

    check_backward(
        lambda W, x: np.sum(np.maximum(W @ x, 0)),
        backward,
        lambda rng, H: (np.zeros((H, 2)), np.array([2.0, 0.003])),
        sizes={"H": (1, 2)},
    )
