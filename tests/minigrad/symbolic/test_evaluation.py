"""One formula, several kinds of numbers: floats, fractions, integers modulo a prime, SymPy, and as MathML."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from derivation_cases import CELLS, random_step
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import LSTM, RNN, Attention, Readout
from minigrad.symbolic import FormulaError, derive, evaluate, normal_form
from minigrad.symbolic.printing.latex import mathml
from minigrad.symbolic.printing.to_sympy import symbol_entries, to_sympy
from minigrad.symbolic.terms.evaluate import FRACTIONS, SYMPY, integers_modulo
from minigrad.symbolic.terms.traversal import leaves

PRIME = 2**61 - 1
SIZES = {"H": 3, "D": 2}


def random_names(term: Any, seed: int) -> dict[Any, Any]:
    """Random small fractions for every symbol and named value in sight."""
    rng = np.random.default_rng(seed)

    def entry() -> Fraction:
        return Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 6)))

    found = {}
    for leaf in leaves(term):
        shape = tuple(n if isinstance(n, int) else SIZES[n] for n in leaf.shape)
        array = np.empty(shape, object)
        for index in np.ndindex(*shape):
            array[index] = entry()
        found[leaf] = array
    return found


@given(st.sampled_from([name for name in CELLS if "relu" not in name and "," not in name]), st.integers(0, 10**6))
def test_fractions_primes_and_floats_agree(name: str, seed: int) -> None:
    """A Jacobian over random fractions is exact: floats round to it, and modulo a prime it is its residue."""
    term = derive(CELLS[name]).joint
    values = random_names(term, seed)
    exact = evaluate(term, values, FRACTIONS, sizes=SIZES)
    floats = evaluate(term, {leaf: value.astype(float) for leaf, value in values.items()}, sizes=SIZES)
    residues = evaluate(
        term, {leaf: residue(value) for leaf, value in values.items()}, integers_modulo(PRIME), sizes=SIZES
    )

    assert all(isinstance(entry, Fraction | int) for entry in exact.flat)
    assert np.allclose(exact.astype(float), floats, rtol=1e-9, atol=1e-6)
    assert (residue(exact) == residues).all()


def residue(array: Any) -> Any:
    """Fractions as integers modulo the prime."""
    to_field = integers_modulo(PRIME).number
    return np.vectorize(lambda entry: to_field(Fraction(entry)), otypes=[object])(array)


@given(st.sampled_from([name for name in CELLS if "relu" not in name and "," not in name]), st.integers(0, 10**6))
def test_the_normal_form_is_exactly_the_formula(name: str, seed: int) -> None:
    """Over fractions, where nothing is rounded, the canonical form of a Jacobian equals the factored one."""
    term = derive(CELLS[name]).joint
    values = random_names(term, seed)

    expected = evaluate(term, values, FRACTIONS, sizes=SIZES)
    assert (expected == evaluate(normal_form(term), values, FRACTIONS, sizes=SIZES)).all()


def test_exact_numbers_have_no_tanh() -> None:
    """A function on fractions raises, unless the named value that holds it is given."""
    h = mg.tanh(mg.symbol("a", ("n",))).named("h").value
    half = np.array([Fraction(1, 2)], object)

    assert evaluate(1 - h * h, {"h": half}, FRACTIONS)[0] == Fraction(3, 4)
    with pytest.raises(FormulaError, match="no tanh"):
        evaluate(1 - h * h, {"a": half}, FRACTIONS)


def test_a_missing_value_is_named() -> None:
    """The error says which key is missing; a wrong shape says which was expected."""
    W, h = mg.symbol("W", ("m", "n")).value, mg.symbol("h", ("n",)).value
    with pytest.raises(FormulaError, match="'h'"):
        evaluate(W @ h, {"W": np.ones((2, 3))})
    with pytest.raises(FormulaError, match="shape"):
        evaluate(W @ h, {"W": np.ones((2, 3)), "h": np.ones(4)})
    with pytest.raises(FormulaError, match="sizes="):
        evaluate(1 + 0 * h, {})


@pytest.mark.parametrize("name", ["RNN tanh", "RNN sigmoid", "LSTM", "GRU after keep"])
def test_sympys_entries_are_sympys_own_derivatives(name: str) -> None:
    """With all names opened, ∂h/∂h_prev elementwise is what sympy.diff gives of the step's own entries."""
    derivation = derive(CELLS[name])
    sizes = {"H": 1, "D": 1}
    h = to_sympy(derivation.values["h"], sizes, open_names=True)
    jacobian = to_sympy(derivation.jacobian("h", "h_prev"), sizes, open_names=True)
    h_prev = symbol_entries(derivation.values["h_prev"], sizes)[0]
    difference = sympy.diff(h[0], h_prev) - jacobian[0]
    numbers = {symbol: sympy.Rational(k + 1, 7) for k, symbol in enumerate(sorted(difference.free_symbols, key=str))}

    assert abs(difference.subs(numbers).evalf(30)) < 1e-25


def test_softmax_entries_are_sympys() -> None:
    """diag(α) − α αᵀ, which sympy's matrix calculus gets wrong, is right elementwise."""
    derivation = derive(Attention(2, score="dot"))
    alpha = to_sympy(derivation.definitions["alpha"], {})
    names = symbol_entries(derivation.values["e"], {})
    jacobian = to_sympy(derivation.jacobian("alpha", "e"), {})
    opened = jacobian.subs(dict(zip(symbol_entries(derivation.values["alpha"], {}), alpha, strict=True)))

    assert sympy.simplify(alpha.jacobian(list(names)) - opened) == sympy.zeros(3, 3)


def test_matrix_expressions_for_export_have_the_same_entries() -> None:
    """The SymPy matrix expression of a Jacobian, made explicit, equals the entries."""
    jacobian = derive(RNN(2, 3)).jacobian("h", "h_prev")
    exported = to_sympy(jacobian)
    H = next(symbol for symbol in exported.free_symbols if symbol.name == "H")
    explicit = exported.subs(H, 2).as_explicit()
    h, W = sympy.MatrixSymbol("h", 2, 1), sympy.MatrixSymbol("W", 2, 2)
    entries = to_sympy(jacobian, {"H": 2})
    known = {entries_symbol(W, i, j): W[i, j] for i in range(2) for j in range(2)}
    known |= {sympy.Symbol(f"h_{i + 1}", real=True): h[i, 0] for i in range(2)}

    assert sympy.simplify(entries.subs(known) - explicit) == sympy.zeros(2, 2)
    with pytest.raises(FormulaError, match="sizes"):
        to_sympy(derive(RNN(2, 3)).product().term)


def entries_symbol(matrix: Any, i: int, j: int) -> Any:
    """The symbol of one entry as `symbol_entries` names it."""
    return sympy.Symbol(f"{matrix.name}_{i + 1}_{j + 1}", real=True)


def test_a_field_of_sympy_scalars_evaluates_like_floats() -> None:
    """Rational numbers put into the SymPy scalars' Jacobian give the float Jacobian."""
    cell, rng = LSTM(2, 3), np.random.default_rng(2)
    derivation = derive(cell)
    params, state, x = random_step(cell, rng)
    floats = derivation.evaluate(derivation.jacobian("h", "h_prev"), params, state, x)
    values = derivation.step.plan.keyed(params, state, x)
    exact = {key: np.vectorize(sympy.Float, otypes=[object])(value) for key, value in values.items()}
    found = evaluate(derivation.jacobian("h", "h_prev"), exact, SYMPY, sizes=SIZES)

    assert np.allclose(floats, found.astype(float), rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_every_equation_becomes_mathml(name: str) -> None:
    """LaTeX of every equation of every cell is well formed enough to become MathML without a command left over."""
    for lines in derive(CELLS[name], Readout(CELLS[name].hidden_size, 5)).equations().values():
        for line in lines:
            written = mathml(line.latex)
            assert written.startswith("<math")
            assert "\\" not in written


def test_mathml_of_the_rnn() -> None:
    """The RNN's Jacobian as MathML holds its words."""
    written = mathml(derive(RNN(2, 3)).jacobian("h", "h_prev"))

    for piece in ("diag", "<mi>h</mi>", "<mi>W</mi>"):
        assert piece in written
