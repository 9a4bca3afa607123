r"""Formulas as LaTeX: ``\operatorname{diag}(1 - h_t^{2})\, W``. Needs amsmath, as every notebook has it."""

from ..lazy import latex2mathml
from ..terms.arithmetic import Rational
from ..terms.names import Label
from ..terms.term import Term
from .printer import Notation, write
from .text import GREEK, place_text, prose

__all__ = ["latex", "mathml"]


_FUNCTIONS = {"tanh": r"\tanh", "exp": r"\exp", "log": r"\log", "sigmoid": r"\sigma"}


def _word(name: str) -> str:
    r"""A letter as it is, a Greek letter as its command, a word upright; ``yhat`` is \hat{y}."""
    if name in GREEK:
        return f"\\{name}"
    if len(name) == 4 and name.endswith("hat"):
        return f"\\hat{{{name[0]}}}"
    if not name.isalnum():
        return _upright(name)
    return name if len(name) == 1 else f"\\mathrm{{{name}}}"


def _name(label: Label, extra: str) -> str:
    stem, _, low = label.name.partition("_")
    adjoint = ""
    if stem == "d" and low:
        adjoint = r"\delta "
        stem, _, low = low.partition("_")
    written = _word(stem)
    if low == "tilde":
        written, low = rf"\tilde{{{written}}}", ""
    subscripts = [_word(low)] if low else []
    subscripts += [] if label.time is None else [str(label.time)]
    subscripts += [extra] if extra else []
    place = f"^{{({_place(label)})}}" if label.place else ""
    subscript = f"_{{{','.join(subscripts)}}}" if subscripts else ""
    return f"{adjoint}{written}{place}{subscript}"


def _place(label: Label) -> str:
    """A layer's number, or a word upright."""
    words = place_text(label.place)
    return words if words.isdigit() else _upright(words)


def _upright(words: str) -> str:
    """Words of users, such as the names of their parameters: upright, with the characters that LaTeX reads escaped."""
    plain = words.replace("_", "").replace(",", "")
    return rf"\mathrm{{{words}}}".replace("_", r"\_") if plain.isalnum() else rf"\text{{{prose(words)}}}"


def _raised(base: str, exponent: str) -> str:
    return f"{{{base}}}^{{{exponent}}}" if "^" in base else f"{base}^{{{exponent}}}"


def _fraction(value: Rational) -> str:
    return str(value) if value.denominator == 1 else rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"


def _function(name: str, x: str) -> str:
    if name == "positive":
        return rf"\left[{x} > 0\right]"
    command = _FUNCTIONS.get(name, rf"\operatorname{{{name}}}")
    return rf"{command}\left({x}\right)"


def _matrix(rows: list[list[str]]) -> str:
    return r"\begin{bmatrix}" + r" \\ ".join(" & ".join(row) for row in rows) + r"\end{bmatrix}"


LATEX = Notation(
    name=_name,
    raised=_raised,
    transposed=lambda base: _raised(base, r"\top"),
    fraction=_fraction,
    function=_function,
    matrix=_matrix,
    minus="-",
    entrywise=r" \odot ",
    space=r"\, ",
    brackets=r"\left({}\right)",
    ones=r"\mathbf{1}",
    basis="I_{{:,{}}}",
    identity="I",
    column="{{{}}}_{{{}}}",
    row="{{{}}}_{{{},:}}",
    piece="{{{}}}_{{{}:{}}}",
    sum_over=r"\sum_{{{0}={1}}}^{{{2}}} {3}",
    ordered=r"\prod_{{{0}={1},\dots,{2}}} {3}",
    norm=r"\left\lVert {}\right\rVert",
    row_sums=r"\left\lVert {}\right\rVert_{{\infty}}",
    largest=r"\max\left|{}\right|",
)


def latex(term: Term) -> str:
    r"""The formula in LaTeX's mathematics mode.

    Parameters
    ----------
    term : Term
        The formula.

    Returns
    -------
    str
        Without dollar signs around it.

    Examples
    --------
    >>> import minigrad as mg
    >>> h = mg.symbol("h", ("n",)).value
    >>> print(latex(1 - h * h))
    1 - h^{2}
    """
    return write(term, LATEX)


def mathml(formula: Term | str, *, display: str = "inline") -> str:
    """The formula as a ``<math>`` element.

    Parameters
    ----------
    formula : Term or str
        A term, or LaTeX's mathematics as `latex` and proofs write it, without an environment around it.
    display : {"inline", "block"}
        Within a line, or on a line of its own.

    Returns
    -------
    str
        For a page of HTML.

    Raises
    ------
    ModuleNotFoundError
        If ``latex2mathml`` is not installed.
    """
    source = formula if isinstance(formula, str) else latex(formula)
    written: str = latex2mathml.convert(source, display=display)
    return written
