"""Formulas: matrix terms, what follows from a cell's step, and proofs.

From easy to hard: `terms` (what a formula is), `monomials`, `sums`, `products`, `pieces`, `blocks` (how it is
built, in normal order), `algebra` (what the engine's primitives mean), `writing` with `text`, `latex` and `prose`,
`normal` (the canonical form), `relations` (between functions), `evaluate`; then `onestep`, `chain`, `derivation`
(closed forms of a cell), `induction`, `intervals`, `norms`, `bounds`, `slopes` (proofs); and, to check what others
wrote, `expressions`, `limits`, `parser`, `printed` (how a line is read), `letters`, `elaborate`, `places`,
`interpret`, `measured`, `term_algebra` (what it means), `vocabulary`, `opening`, `comparing` (proofs), `reachable`,
`driving`, `judge` (real runs), `slips` with `repairs`, `omissions` and `missing`, `subjects`, `verdicts`.
"""

from .derivation import Derivation, derive
from .errors import FormulaError, ProofError
from .evaluate import evaluate
from .latex import latex
from .mathml import mathml
from .normal import equal, normal_form
from .symbols import symbol
from .sympy_forms import to_sympy
from .terms import Term
from .text import text
from .verdicts import Counterexample, Verdict, check_derivation

__all__ = [
    "Counterexample",
    "Derivation",
    "FormulaError",
    "ProofError",
    "Term",
    "Verdict",
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
