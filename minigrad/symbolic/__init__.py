"""Formulas: matrix terms, the consequences of a cell's step, and proofs.

`terms` represents formulas, `printing` writes them, `deriving` derives the consequences of a cell's step, with proofs;
`parsing` reads the lines of others, and `checking` judges them. Imports point one way: checking → parsing, deriving →
printing → terms. `errors` and `lazy` (libraries loaded when first used) serve them all.
"""

from .checking.check import Counterexample, Verdict, check_derivation
from .checking.dependencies import answered
from .deriving.derivation import Derivation, derive
from .errors import FormulaError, NoBoundError, ProofError
from .printing.latex import latex, mathml
from .printing.text import text
from .printing.to_sympy import to_sympy
from .terms.evaluate import evaluate
from .terms.normal_form import equal, normal_form
from .terms.symbols import symbol
from .terms.term import Term

__all__ = [
    "Counterexample",
    "Derivation",
    "FormulaError",
    "NoBoundError",
    "ProofError",
    "Term",
    "Verdict",
    "answered",
    "check_derivation",
    "derive",
    "equal",
    "evaluate",
    "latex",
    "mathml",
    "normal_form",
    "symbol",
    "text",
    "to_sympy",
]
