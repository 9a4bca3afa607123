"""Terms as their constructors make them: special products, totals, blocks and cells, with NumPy as the judge."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy

import minigrad as mg
from minigrad.symbolic import FormulaError, Term, equal, evaluate, latex, mathml, normal_form, text, to_sympy
from minigrad.symbolic.deriving.norms import Interval, Norms
from minigrad.symbolic.printing.to_sympy import symbol_entries
from minigrad.symbolic.terms.arithmetic import add, diag, minus, number, ones, power, zero
from minigrad.symbolic.terms.blocks import block, concat, part, stack
from minigrad.symbolic.terms.dims import Dim, as_dim, in_numbers
from minigrad.symbolic.terms.entries import entry, function, softmax
from minigrad.symbolic.terms.evaluate import FRACTIONS, integers_modulo
from minigrad.symbolic.terms.linear import differential, read_linear
from minigrad.symbolic.terms.names import Index
from minigrad.symbolic.terms.normal_form import related_form
from minigrad.symbolic.terms.products import (
    basis,
    cell,
    hadamard,
    identity,
    ordered_product,
    outer,
    product,
    row,
    sum_over,
    total,
    transpose,
)
from minigrad.symbolic.terms.rebuild import at_time, substitute

_RNG = np.random.default_rng(5)
VALUES: dict[str, Any] = {name: _RNG.uniform(0.3, 1.7, 3) for name in "uvwz"}
VALUES |= {name: _RNG.uniform(0.3, 1.7, (3, 3)) for name in "AB"} | {"s": np.array(0.7)}
u, v, w, z, A, B = (mg.symbol(name, VALUES[name].shape).value for name in "uvwzAB")
s = mg.symbol("s", ()).value
U, V, W, Z, AA, BB = (VALUES[name] for name in "uvwzAB")
E0, E1, I3 = np.eye(3)[0], np.eye(3)[1], np.eye(3)

e0, e1 = basis(0, 3), basis(1, 3)
PRODUCTS: dict[str, tuple[Term, Any]] = {
    "outer and outer": (hadamard(outer(u, v), outer(w, z)), np.outer(U * W, V * Z)),
    "outer and a matrix": (hadamard(outer(u, v), A), np.outer(U, V) * AA),
    "a power of outer": (hadamard(power(outer(u, v), 2), A), np.outer(U, V) ** 2 * AA),
    "a unit vector and a vector": (hadamard(e1, u, v), E1 * U * V),
    "two unit vectors": (hadamard(e0, e1), 0 * U),
    "a total of ones": (total(ones((2, 3))), 6.0),
    "a total of zeros": (total(zero((3,))), 0.0),
    "a total of a diagonal": (total(diag(u)), U.sum()),
    "a total of scalars": (total(stack([s, s * s])), 0.7 + 0.49),
    "a total of an outer product": (total(outer(u, v)), U.sum() * V.sum()),
    "a total of a matrix": (total(A), AA.sum()),
    "a diagonal and a sum": (product(diag(u), add([identity(3), outer(v, w)])), np.diag(U) @ (I3 + np.outer(V, W))),
    "a sum and a diagonal": (product(add([identity(3), outer(v, w)]), diag(u)), (I3 + np.outer(V, W)) @ np.diag(U)),
    "diagonals without a common place": (product(diag(e0), diag(e1)), 0 * AA),
    "a diagonal that leaves nothing": (product(diag(e0), add([diag(e1), outer(e1, w)]), A), 0 * AA),
    "a vector that is left out": (product(A, diag(e0), e1), 0 * U),
    "a row of a vector that is left out": (product(A, diag(e0), outer(e1, w), B), 0 * AA),
    "a scaled diagonal": (product(diag(s * u), diag(v), A), 0.7 * np.diag(U * V) @ AA),
    "a cell of zeros": (cell(zero((5, 5)), 0, 1, ((2, 3), (2, 3))), np.zeros((2, 3))),
    "a cell beside the diagonal of I": (cell(identity(5), 1, 0, ((2, 3), (2, 3))), np.zeros((3, 2))),
    "a cell on the diagonal of I": (cell(identity(5), 1, 1, ((2, 3), (2, 3))), np.eye(3)),
    "a cell of blocks": (cell(block([[A, B], [B, A]]), 0, 1, ((3, 3), (3, 3))), BB),
    "a row of I": (row(identity(3), 1), E1),
    "a row of a diagonal": (row(diag(u), 1), U[1] * E1),
    "a row of zeros": (row(zero((2, 3)), 1), 0 * U),
    "a row of ones": (row(ones((2, 3)), 1), np.ones(3)),
    "a row of a stack": (row(stack([u, v]), 1), V),
    "a row of blocks side by side": (row(block([[A, B]]), 2), np.concatenate([AA[2], BB[2]])),
    "an entry of a unit vector": (add([entry(e1, 1), entry(e1, 0)]), 1.0),
    "an entry of ones": (entry(ones((3,)), 2), 1.0),
    "an entry beyond a part": (entry(concat([u, v]), 4), V[1]),
    "a stack of zeros": (stack([zero((3,)), zero((3,))]), np.zeros((2, 3))),
    "zeros one below the other": (concat([zero((2,)), zero((1,))]), np.zeros(3)),
    "a part of zeros": (part(zero((3,)), 0, 2), np.zeros(2)),
    "the logarithm of ones": (function("log", ones((3,))), 0 * U),
    "relu of what is above 0": (function("relu", function("exp", u)), np.exp(U)),
    "relu of 0": (function("relu", zero((3,))), 0 * U),
    "exp of 0": (function("exp", zero((3,))), np.ones(3)),
    "a transposed block": (transpose(block([[A, B]])), np.concatenate([AA, BB], 1).T),
    "a transposed function": (transpose(function("tanh", A)), np.tanh(AA).T),
    "the product of 0 factors": (ordered_product(A, "t", Index("T", 1), Index("T")), I3),
    "a sum of zeros over time": (sum_over(zero((3,)), "t", Index("", 1), Index("T")), 0 * U),
    "a number over time, taken out": (sum_over(2 * zero(()), "t", Index("", 1), Index("T")), 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_special_products_have_numpys_values(name: str) -> None:
    """Each shortcut of a constructor gives what NumPy computes the long way, and so does its normal form."""
    term, expected = PRODUCTS[name]

    assert term.shape == np.shape(expected)
    for same in (term, normal_form(term), related_form(term), substitute(term, {})):
        np.testing.assert_allclose(evaluate(same, VALUES), expected, rtol=1e-12, atol=1e-14)


POSITIVE = {
    "a square of a function above 0": function("positive", function("exp", u) * function("sigmoid", v)),
    "minus what is above 0": function("positive", -2 * function("exp", u)),
    "0": function("positive", zero((3,))),
    "a sum of what is above 0": function("positive", function("exp", u) + 1),
    "minus such a sum": function("positive", -function("exp", u) - 1),
    "a multiple by a sum that is above 0": function("positive", total(function("exp", u)) * v),
    "a multiple by a scalar": function("positive", s * v),
    "relu of minus what is above 0": function("relu", -function("exp", u)),
    "one over exponentials that differ": 1 / (2 * function("exp", u) + 3 * function("exp", v)),
    "a square of one over exponentials": 1 / (function("exp", u) + function("exp", v)) ** 2,
    "exponentials that vanish": function("exp", u) * function("exp", -u) * v,
}


@pytest.mark.parametrize("name", POSITIVE)
def test_signs_that_are_known_are_used_rightly(name: str) -> None:
    """[x > 0] is 1 or 0 if the sign of x is known, and stays as it is otherwise."""
    for sign in (1.0, -1.0):
        values = VALUES | {"v": sign * V, "s": np.array(-0.7)}
        found, expected = (evaluate(one, values) for one in (related_form(POSITIVE[name]), POSITIVE[name]))
        np.testing.assert_allclose(np.broadcast_to(found, np.shape(expected)), expected, rtol=1e-12)


def test_terms_write_themselves() -> None:
    """The methods of a term are the functions of those names, and a name that it has already changes nothing."""
    term = (A @ u) * v

    assert (term.text(), term.latex(), term.mathml()) == (text(term), latex(term), mathml(term))
    assert repr(term) == f"<hadamard {term} (3,)>"
    assert term._repr_latex_() == f"$\\displaystyle {latex(term)}$"
    assert term.to_sympy({}) == to_sympy(term, {})
    assert term.named("q").named("q") is term.named("q")
    with pytest.raises(FormulaError, match="constant exponents"):
        2**u


def test_what_is_no_size_name_or_number_is_refused() -> None:
    """Sizes, indices, numbers, functions and shapes that formulas cannot hold raise an error that shows them."""
    refused: dict[str, Any] = {
        "an integer or a name such as 'n', got -1": lambda: as_dim(-1),
        "an integer or a name such as 'n', got True": lambda: as_dim(True),
        "an integer or a name such as 'n', got 2.5": lambda: Dim("n") - 2.5,
        "got 't-'": lambda: Index.parse("t-"),
        "got ''": lambda: Index.parse(""),
        "real and finite, got 1j": lambda: number(1j),
        "no function 'sinh' in formulas": lambda: function("sinh", u),
        "scalars, vectors and matrices, got the shape": lambda: mg.symbol("x", (1, 2, 3)),
        "has the shape (3,), but an array of shape (3, 3)": lambda: evaluate(u, {"u": AA}),
        "no value for q; pass one under the key 'q'": lambda: evaluate(mg.symbol("q", (3,)).value, {}),
        "cannot be evaluated": lambda: evaluate(ordered_product(A, "t", Index("k", 1), Index("T")), VALUES),
        "is no fraction": lambda: evaluate(power(s, Fraction(1, 2)), {"s": Fraction(2)}, FRACTIONS),
        "not unique modulo a prime": lambda: evaluate(power(s, Fraction(1, 2)), {"s": 2}, integers_modulo(7)),
        "cannot be read off": lambda: differential(transpose(outer(u, v)) @ A + diag(v), u, B),
    }
    for words, make in refused.items():
        with pytest.raises(FormulaError) as refusal:
            make()
        assert words in str(refusal.value)
    with pytest.raises(TypeError):
        Dim("n") + 2.5


@pytest.mark.parametrize(
    "formula",
    [
        lambda g: concat([A @ g, u * 0 + g, v * g]),
        lambda g: concat([zero((2,)), A @ g]),
        lambda g: stack([u @ g, number(0), (A @ g)[1]]),
        lambda g: (A @ g)[1:3],
        lambda g: total(v * (A @ g)) * u,
        lambda g: 3 * (v @ g) * w + s * g,
        lambda g: u @ (A @ g),
        lambda g: zero((3,)),
        lambda g: u * 0,
    ],
)
def test_linear_formulas_are_read_as_their_matrices(formula: Any) -> None:
    """The matrix that is read off has f(e_i) as its columns; where the seed does not occur it is 0."""
    g = mg.symbol("g", (3,)).value
    found = evaluate(read_linear(formula(g), g), VALUES)
    columns = [evaluate(formula(g), VALUES | {"g": unit}) for unit in I3]

    np.testing.assert_allclose(found, np.stack(columns, -1), rtol=1e-12, atol=1e-14)


def test_a_constant_beside_the_seed_is_not_linear() -> None:
    """Whatever does not vanish with the seed, and whatever is not of the first power in it, is refused."""
    g = mg.symbol("g", (3,)).value
    for formula in (
        concat([A @ g, u]),
        stack([u @ g, s]),
        concat([g, u]) + concat([u, v]),
        g + u,
        g**2 * u,
        u / g,
        (u @ g) * g,
        product(diag(g), A, g),
        softmax(g),
    ):
        with pytest.raises(FormulaError, match="is not linear in g"):
            read_linear(formula, g)


def test_a_change_of_a_parameter_is_carried_to_the_output() -> None:
    """For y(θ) with cotangent θ̄ = θ̄(g), the differential is dy: that of A v, of Aᵀ v, of diag(b) A v and of b ⊙ v."""
    g, change, small = mg.symbol("g", (3,)).value, mg.symbol("dA", (3, 3)).value, mg.symbol("db", (3,)).value
    values = VALUES | {"dA": np.cos(AA), "db": np.sin(U), "g": W}
    dA, db = values["dA"], values["db"]
    cases = {
        "A v": (outer(g, v), change, dA @ V),
        "Aᵀ v": (outer(v, g), change, dA.T @ V),
        "diag(u) A v": (outer(u * g, v), change, U * (dA @ V)),
        "b ⊙ v": (g * v, small, V * db),
        "diagonal of B A B": (product(transpose(B), diag(g), transpose(B)), change, np.diag(BB @ dA @ BB)),
        "diagonal of A": (diag(g), change, np.diag(dA)),
        "nothing": (zero((3, 3)), change, 0 * U),
        "twice": (2 * outer(g, v) + s * outer(g, u), change, 2 * dA @ V + 0.7 * dA @ U),
    }
    for name, (pulled, moved, expected) in cases.items():
        found = evaluate(differential(pulled, g, moved), values, sizes={})
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14, err_msg=name)


def test_an_index_moves_in_sums_and_blocks() -> None:
    """Shifting a formula in time shifts its names, the ends of its sums, and what stands in blocks; k stays k."""
    with mg.scope("t=t"):
        h = mg.named("h", mg.symbol("a", ("n",))).value
        M = mg.named("M", mg.symbol("N", ("n", "n"))).value
    later = Index("t", 1)

    assert text(at_time(h, "t", later)) == "h_{t+1}"
    assert text(at_time(block([[M, M]]), "t", Index("", 3))) == text(block([[at_time(M, "t", Index("", 3))] * 2]))
    assert text(at_time(sum_over(h, "k", Index("", 1), Index("t")), "t", later)) == "Σ_{k=1..t+1} h_{t+1}"
    assert text(at_time(ordered_product(M, "t", Index("k", 1), Index("T")), "t", later)) == "∏_{t=T..k+1} M_t"


#: Bounds of norms, of random vectors and matrices with |v| ≤ 1 known of v and nothing of the others.
GIVEN: dict[Term, Interval] = {v: (Fraction(-1), Fraction(1)), A: (Fraction(0), Fraction(2))}
BOUNDED = {
    "a product of vectors": B @ u,
    "a multiple": s * u,
    "a sum": u + 2 * B @ w,
    "a range and a rest": v * u,
    "ranges alone": v * v,
    "no range": u * w,
    "a softmax": softmax(u),
    "a unit vector": e1,
    "a function": function("exp", u),
    "a transpose": transpose(B),
    "a matrix of known entries": A,
    "a sum of matrices": B + outer(u, w),
    "a product of matrices": product(diag(v), B, A),
    "I": identity(3),
    "0": zero((3, 3)),
    "blocks": block([[B, A], [identity(3), zero((3, 3))]]),
    "the covariance of a softmax": diag(softmax(u)) - outer(softmax(u), softmax(u)),
    "a column of it": entry(softmax(u), 1) * e1 - entry(softmax(u), 1) * softmax(u),
    "a column of something else": entry(softmax(u), 1) * e1 - entry(softmax(u), 0) * softmax(u),
}
ENTRIES = {
    "a sum": u + 2 * B @ w,
    "a multiple": 3 * (s * u),
    "a range": v,
    "a product elementwise": v * (1 - v) * u * w**2,
    "one over a vector": u / w,
    "a root of a number": power(number(3), Fraction(1, 2)) * u,
    "relu": function("relu", u),
    "a name": (u + w).named("q"),
    "a name of a relu": function("relu", B @ u).named("q"),
}


@pytest.mark.parametrize("seed", range(5))
def test_no_norm_exceeds_its_bound(seed: int) -> None:
    """Every norm of matrices and vectors, and every largest entry, is at most what the calculus says of it."""
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=np.shape(value)) for name, value in VALUES.items()}
    values |= {"v": rng.uniform(-1, 1, 3), "A": rng.uniform(0, 2, (3, 3))}
    for name, term in BOUNDED.items():
        bound = float(evaluate(Norms(GIVEN).norm(term), values))
        assert np.linalg.norm(evaluate(term, values), 2) <= bound * (1 + 1e-12), name
    for name, term in ENTRIES.items():
        bound = float(evaluate(Norms(GIVEN).largest(term), values))
        assert np.abs(evaluate(term, values)).max() <= bound * (1 + 1e-12), name


def test_bounds_are_those_of_their_rules() -> None:
    """Each inequality names the rule it comes from; a softmax's covariance and its columns have norm 1/2 at most."""
    rules = {name: [one.rule for one in _found(BOUNDED[name])] for name in BOUNDED}

    assert evaluate(Norms(GIVEN).norm(A), {}) == 6.0
    assert Norms(GIVEN).norm(e1) is number(1)
    assert rules["the covariance of a softmax"] == ["softmax"]
    assert rules["a column of it"] == ["column"]
    assert rules["a matrix of known entries"] == ["entries"]
    assert "triangle" in rules["a column of something else"]
    assert rules["no range"] == []


def _found(term: Term) -> Any:
    norms = Norms(GIVEN)
    norms.norm(term)
    return norms.found


def test_forms_that_constructors_find_by_themselves() -> None:
    """[0 > 0] is 0, a row of blocks side by side is joined, and what is inside of a norm is replaced too."""
    norm = Norms(GIVEN).norm(u)

    assert function("positive", zero((3,))) is zero((3,))
    assert row(block([[A, B]]), 1) is concat([row(A, 1), row(B, 1)])
    assert row(block([[A], [B]]), 1).kind == "row"
    assert substitute(norm, {u: w}) is Norms(GIVEN).norm(w)
    assert in_numbers(as_dim("n") + 1, {"n": 3}) == 4


SYMPY_FORMS = {
    "a scaled scalar": 3 * s * s,
    "ones and zeros": 2 + s + zero(()),
    "a function of a scalar": function("tanh", s) + function("positive", s),
    "functions": function("sigmoid", u) + function("log", v) - function("relu", w) * function("exp", u),
    "a vector of ones": 1 + u,
    "a sum, by a scalar": s * (A @ u) - 2 * v,
    "powers": u**2 * v + power(u, Fraction(1, 2)),
    "an entry": entry(u, 1) * v,
    "a diagonal": product(diag(u), A, transpose(B), v),
    "outer and I": outer(u, v) + identity(3) + transpose(A),
    "0": zero((3,)),
}


@pytest.mark.parametrize("name", SYMPY_FORMS)
def test_matrix_expressions_have_the_entries_of_the_formula(name: str) -> None:
    """SymPy's matrix expression, with numbers for its symbols, is what NumPy says of the formula."""
    term = SYMPY_FORMS[name]
    expression = to_sympy(term)
    numbers: dict[Any, Any] = {sympy.Symbol("s", real=True): VALUES["s"].item()}
    for key, value in VALUES.items():
        if value.ndim:
            numbers[sympy.MatrixSymbol(key, 3, value.ndim * 2 - 1 if value.ndim == 2 else 1)] = sympy.Matrix(value)
    found = np.array(expression.subs(numbers).doit(), float)

    np.testing.assert_allclose(np.squeeze(found), evaluate(term, VALUES), rtol=1e-12)


def test_joined_sizes_reach_sympy() -> None:
    """A vector of length m + n is a matrix symbol of that length; elementwise it needs the sizes' numbers."""
    joined = mg.concatenate([mg.symbol("p", ("m",)), mg.symbol("q", ("n",))]).named("j").value
    m, n = (sympy.Symbol(name, integer=True, positive=True) for name in "mn")

    assert to_sympy(joined).shape == (m + n, 1)
    assert to_sympy(joined, {"m": 1, "n": 2}, open_names=True).shape == (3, 1)
    assert symbol_entries(joined, {"m": 1, "n": 2}).shape == (3,)


def test_minus_nothing_is_nothing() -> None:
    """Terms that cancel leave 0 of their shape, diagonals as well."""
    assert add([diag(u), minus(diag(u)), identity(3), minus(identity(3))]) is zero((3, 3))
    assert equal(add([diag(u), diag(1 - u)]), identity(3))
