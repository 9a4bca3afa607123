"""Formulas as MathML, which browsers draw without help: LaTeX turned over by `latex2mathml`.

That package was chosen because it is small, pure Python and kept up, and because SymPy's own MathML
shows matrix expressions by their class names.
"""

from ..lazy import latex2mathml
from ..terms.term import PRINTERS, Term
from .latex import latex

__all__ = ["mathml"]


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


PRINTERS["mathml"] = mathml
