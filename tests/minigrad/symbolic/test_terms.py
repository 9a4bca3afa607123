"""Terms: sharing, normal forms, what the engine's primitives mean on them, and no recursion."""

import sys
from fractions import Fraction
from itertools import pairwise
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import ShapeError
from minigrad.primitive import PRIMITIVES
from minigrad.symbolic import FormulaError, Term, equal, evaluate, latex, normal_form, text
from minigrad.symbolic.terms.arithmetic import add, diag, number, power
from minigrad.symbolic.terms.blocks import block, concat, stack
from minigrad.symbolic.terms.dims import Dim
from minigrad.symbolic.terms.entries import entry, function, softmax
from minigrad.symbolic.terms.linear import read_linear
from minigrad.symbolic.terms.names import Label
from minigrad.symbolic.terms.products import hadamard, inner, product, row, total, transpose
from minigrad.symbolic.terms.rebuild import substitute
from minigrad.symbolic.terms.term import make

N = 3
_RNG = np.random.default_rng(11)
VALUES = {name: _RNG.standard_normal(N) for name in "uvw"} | {name: _RNG.standard_normal((N, N)) for name in "ABC"}


def sym(name: str) -> Term:
    """A symbol of the size of its value."""
    return mg.symbol(name, ("n",) * VALUES[name].ndim).value


def value_of(term: Term) -> Any:
    """The term evaluated on the random values."""
    return evaluate(term, VALUES, sizes={"n": N})


def close(expected: Any, got: Any, tolerance: float = 1e-9) -> bool:
    """Equal to rounding, measured against the largest entry."""
    return np.allclose(np.broadcast_to(expected, N), got, rtol=tolerance, atol=tolerance * (1 + np.abs(expected).max()))


# Each recipe builds the same expression twice: as a term and in NumPy.
Pair = tuple[Term, Any]


def _extend_vectors(vectors: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    matrices = st.sampled_from("ABC").map(lambda name: (sym(name), VALUES[name]))
    pair = st.tuples(vectors, vectors)
    return st.one_of(
        pair.map(lambda p: (p[0][0] + p[1][0], p[0][1] + p[1][1])),
        pair.map(lambda p: (p[0][0] - p[1][0], p[0][1] - p[1][1])),
        pair.map(lambda p: (p[0][0] * p[1][0], p[0][1] * p[1][1])),
        pair.map(lambda p: (p[0][0] * (p[0][0] @ p[1][0]), p[0][1] * (p[0][1] @ p[1][1]))),
        vectors.map(lambda p: (1 - p[0] ** 2, 1 - p[1] ** 2)),
        vectors.map(lambda p: (mg.tanh(p[0]), np.tanh(p[1]))),
        vectors.map(lambda p: (mg.softmax(p[0]), mg.softmax(p[1]))),
        st.tuples(matrices, vectors).map(lambda p: (p[0][0] @ p[1][0], p[0][1] @ p[1][1])),
        st.tuples(matrices, vectors).map(lambda p: (mg.linear(p[0][0].T, p[1][0]), p[0][1].T @ p[1][1])),
        st.tuples(vectors, vectors, vectors).map(
            lambda p: (mg.outer(p[0][0], p[1][0]) @ p[2][0], np.outer(p[0][1], p[1][1]) @ p[2][1])
        ),
        st.tuples(st.sampled_from([-2, 0, 0.5, 3]), vectors).map(lambda p: (p[0] * p[1][0], p[0] * p[1][1])),
    )


VECTORS = st.recursive(
    st.sampled_from("uvw").map(lambda name: (sym(name), VALUES[name])), _extend_vectors, max_leaves=7
)


@given(VECTORS)
def test_a_term_evaluates_to_what_numpy_computes(pair: Pair) -> None:
    """Building a term and evaluating it is the same as computing in NumPy."""
    term, expected = pair

    assert np.allclose(
        np.broadcast_to(expected, N), value_of(term), rtol=1e-9, atol=1e-9 * (1 + np.abs(expected).max())
    )


@given(VECTORS)
def test_the_normal_form_has_the_same_value(pair: Pair) -> None:
    """Multiplying out and collecting changes nothing, and doing it twice changes nothing more."""
    term, expected = pair
    normal = normal_form(term)

    assert np.allclose(
        np.broadcast_to(expected, N), value_of(normal), rtol=1e-7, atol=1e-7 * (1 + np.abs(expected).max())
    )
    assert normal_form(normal) is normal


@given(VECTORS, VECTORS, VECTORS)
def test_true_rewritings_have_one_normal_form(a: Pair, b: Pair, c: Pair) -> None:
    """Distribution, commutation and cancellation do not change the normal form."""
    x, y, z = a[0], b[0], c[0]

    assert equal(x * (y + z), z * x + y * x)
    assert equal((x - y) * (x + y), x * x - y * y)
    assert equal(x + y - x, y)


@given(VECTORS, VECTORS)
def test_different_values_have_different_normal_forms(a: Pair, b: Pair) -> None:
    """Terms that are called equal have equal values: nothing is proved that is false."""
    if equal(a[0], b[0]):
        assert np.allclose(a[1], b[1], rtol=1e-7, atol=1e-9 * (1 + np.abs(a[1]).max()))


@given(VECTORS)
def test_substituting_nothing_gives_the_same_object(pair: Pair) -> None:
    """Rebuilding a normal term gives the term itself."""
    assert substitute(pair[0], {}) is pair[0]


@given(VECTORS)
def test_text_and_latex_are_written_with_matching_brackets(pair: Pair) -> None:
    """Every bracket that is opened is closed, in both formats."""
    for written, pairs in ((text(pair[0]), ("()", "[]", "{}")), (latex(pair[0]), ("{}",))):
        for opening, closing in pairs:
            assert written.count(opening) == written.count(closing)
    assert latex(pair[0]).count(r"\left") == latex(pair[0]).count(r"\right")


def test_equal_terms_are_one_object() -> None:
    """The same construction, in any order of the summands and factors, gives the same object."""
    u, v, A = sym("u"), sym("v"), sym("A")

    assert u + v is v + u
    assert u * v * u is u * u * v
    assert (A @ u) * v is v * (A @ u)
    assert (A.T).T is A


def test_a_scalar_is_written_one_way_from_whatever_end_it_is_read() -> None:
    """uᵀ A B v = vᵀ Bᵀ Aᵀ u, and with diagonal matrices between them."""
    u, v, w, A, B = map(sym, "uvwAB")

    assert equal(inner(u, product(A, B, v)), inner(v, product(transpose(B), transpose(A), u)))
    assert equal(inner(u, product(A, diag(w), B, v)), inner(product(transpose(A), u), hadamard(w, product(B, v))))


def test_diagonal_matrices_merge_and_vanish() -> None:
    """diag(u) diag(v) = diag(u ⊙ v), diag(u) + diag(v) = diag(u + v), diag(1) = I, diag(u) v = u ⊙ v."""
    u, v, A = sym("u"), sym("v"), sym("A")

    assert product(diag(u), diag(v)) is diag(u * v)
    assert add([diag(u), diag(v)]) is diag(u + v)
    assert product(diag(u / u), A) is A
    assert product(diag(u), v) is u * v


def test_reciprocals_cancel() -> None:
    """aᵀ (b ⊙ 1/a) = 1ᵀ b: what turns cross-entropy's gradient into ŷ − y."""
    a, b = sym("u"), sym("v")

    assert inner(a, b / a) is total(b)
    assert total(softmax(a)) is number(1)
    assert function("exp", function("log", a)) is a


def test_a_linear_formula_is_read_as_a_matrix() -> None:
    """The matrix read off a formula, times the seed, is the formula."""
    u, v, g, A, B = *map(sym, "uvw"), sym("A"), sym("B")
    formula = u * (A @ g) + (v @ g) * u + A @ (v * (B @ g)) - 2 * g + mg.outer(u, g) @ v

    assert equal(product(read_linear(formula, g), g), formula)
    with pytest.raises(FormulaError, match="not linear"):
        read_linear(g * g, g)
    with pytest.raises(FormulaError, match="not linear"):
        read_linear(g + u, g)
    with pytest.raises(FormulaError, match="not linear"):
        read_linear(mg.tanh(g), g)


def test_parts_of_things_put_together_are_those_things() -> None:
    """Rows of a stack, entries, slices of a concatenation and blocks of a product."""
    u, v, A, B = sym("u"), sym("v"), sym("A"), sym("B")

    assert row(stack([u, v]), 1) is v
    assert entry(stack([inner(u, u), inner(u, v)]), 1) is inner(u, v)
    joined = mg.concatenate([mg.symbol("p", ("m",)), mg.symbol("q", ("n",))])
    assert joined.shape == ("m + n",)
    assert joined.value[Dim("m") : Dim("m") + Dim("n")] is mg.symbol("q", ("n",)).value
    two = block([[A, B], [B, A]])
    assert product(two, two).args[0] is add([product(A, A), product(B, B)])
    assert concat([u]) is u


def test_places_are_counted_from_the_start() -> None:
    """Slices up to the end of an axis whose length is a name have a length; an entry counted from there is refused."""
    h, A = mg.symbol("h", ("n",)), mg.symbol("A", (3, 2))
    value = np.arange(1.0, 6.0)

    assert (h[1:].shape, h[:-1].shape, h[-2:].shape) == (("n - 1",), ("n - 1",), (2,))
    for slope in (lambda h: h[1:] - h[:-1], lambda h: h[-2:] * h[:2]):
        assert np.array_equal(evaluate(slope(h).value, {"h": value}, sizes={"n": 5}), slope(value))
        gradient = mg.grad(lambda h, f=slope: mg.sum(f(h)))
        assert np.array_equal(evaluate(gradient(h.value), {"h": value}, sizes={"n": 5}), gradient(value))
    assert A[-1].value is A[2].value
    for beyond in (lambda: A[3], lambda: A[-4], lambda: A[0][2]):
        with pytest.raises(IndexError, match=r"(row|entry) -?\d of a (matrix|vector) of \d; use 0 to"):
            beyond()
    with pytest.raises(FormulaError, match="entry -1 of a vector of n has no number of its own"):
        h[-1]


def test_zero_swallows_and_one_vanishes() -> None:
    """0 and 1 do not survive in sums and products."""
    u, A = sym("u"), sym("A")

    assert (u - u).kind == "zero"
    assert (0 * u).kind == "zero"
    assert product(A, u - u).kind == "zero"
    assert u * 1 is u
    assert u + 0 is u
    with pytest.raises(FormulaError, match="divides by zero"):
        1 / (u - u)


def test_numbers_are_exact() -> None:
    """0.1 is 1/10, 1/√5 is a root, and a root squared is whole again."""
    u = sym("u")

    assert text(0.1 * u) == "(1/10) u"
    assert text(u / np.sqrt(5)) == "5^(-1/2) u"
    assert power(power(number(5), Fraction(1, 2)), 2) is number(5)
    with pytest.raises(FormulaError, match="finite"):
        u * float("nan")


def test_shapes_that_do_not_fit_are_refused() -> None:
    """A matrix times a vector of another size, and sums of different sizes, raise ShapeError."""
    A, x = mg.symbol("A", ("m", "n")), mg.symbol("x", ("k",))
    with pytest.raises(ShapeError):
        mg.linear(A, x)
    with pytest.raises(ShapeError):
        x + mg.symbol("y", ("n",))


def test_names_of_symbols_are_words() -> None:
    """Whatever could be executed or break a formula is refused as a name."""
    for name in ("__import__('os')", "a b", "", "x;y", "1x", "a" * 65, "\\frac"):
        with pytest.raises(FormulaError):
            mg.symbol(name, ("n",))


def test_an_array_of_different_numbers_has_no_formula() -> None:
    """Terms and arrays mix only where the array is one number repeated."""
    u = mg.symbol("u", (3,))

    assert text((u + np.ones(3)).value) == "1 + u"
    with pytest.raises(FormulaError, match="different entries"):
        u + np.arange(3.0)


def test_primitives_without_a_meaning_say_so() -> None:
    """The error names the primitive; the common ones all have a meaning."""
    known = {"linear", "outer", "softmax", "tanh", "sigmoid", "sum", "where", "scatter", "getitem", "concatenate"}

    assert known <= set(PRIMITIVES)
    with pytest.raises(FormulaError, match="pick"):
        mg.cross_entropy(mg.symbol("l", (3,)), np.array(1))


def test_scopes_put_the_time_on_names() -> None:
    """A value named in the scope t=3 is printed with that index; parameters have none."""
    W, h = mg.symbol("W", ("n", "n")), mg.symbol("h", ("n",))
    with mg.scope("layer 2"), mg.scope("t=3"):
        a = mg.linear(W, h).named("a")

    assert text(a.value) == "a^(2)_3"
    assert text(mg.tanh(a).value) == "tanh(a^(2)_3)"


def test_a_long_chain_needs_no_recursion() -> None:
    """5,000 nested steps and a product of 2,000 matrices are built, written, evaluated and freed."""
    u, A = sym("u"), sym("A")
    deep = u
    for _ in range(5_000):
        deep = mg.tanh(deep + u)
    wide = product(*[A] * 2_000, u)

    assert np.isfinite(value_of(deep)).all()
    assert len(text(deep)) > 5_000
    assert substitute(deep, {}) is deep
    assert wide.kind == "product"
    assert len(wide.args) == 2_001
    assert transpose(product(*[A] * 2_000)).kind == "product"
    assert normal_form(wide) is wide


def test_orders_do_not_depend_on_the_order_of_making() -> None:
    """Summands are sorted by what they are: names first, by name and time."""
    names = ["b", "a", "d", "c"]
    terms = [mg.symbol(name, ("n",)).value for name in names]

    assert text(add(terms)) == "a + b + c + d"
    assert all(x.order < y.order for x, y in pairwise(add(terms).args))


def test_threads_share_their_terms() -> None:
    """Terms that several threads make at the same moment are one object, or equal formulas would not be found equal."""
    start, made = Barrier(4), [[], [], [], []]  # type: ignore[var-annotated]

    def work(mine: list[Term]) -> None:
        for i in range(2000):
            if i % 100 == 0:
                start.wait()
            mine.append(make("symbol", (), Label(f"shared{i}"), ("n",)))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=work, args=(mine,)) for mine in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert all(one is same for one, *others in zip(*made, strict=True) for same in others)
