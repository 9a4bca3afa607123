"""Write all LaTeX that minigrad prints into one document, and its formulas into a JSON file beside it.

``python tools/latex/collect.py build/all.tex`` writes ``build/all.tex``, for pdflatex, and ``build/all.json``, for
``tools/latex/check.mjs``. See CONTRIBUTING.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cells import GRU, LSTM, RNN, Attention, AttentionCell, Readout, Stacked, claims
from cells.attention import SCORES
from cells.cell import ACTIVATIONS
from cells.lstm import VARIANTS
from minigrad.symbolic import FormulaError, check_derivation, derive

CELLS: list[Any] = [
    *(RNN(2, 3, activation=name) for name in ACTIVATIONS),
    *(LSTM.variant(name, 2, 3) for name in VARIANTS),
    LSTM(2, 3),
    LSTM(2, 3, peephole=True),
    LSTM(2, 3, coupled=True),
    *(GRU(2, 3, reset=reset, update=update) for reset in ("before", "after") for update in ("keep", "write")),
    Stacked([RNN(2, 3), GRU(3, 2), LSTM(2, 2)]),
    *(AttentionCell(RNN(3, 3), when=when) for when in ("before", "after")),
    *(Attention(3, score=score) for score in SCORES),
]

LINES = """dh/dh_prev = diag((1 - h)**2) @ W
d_a = (V.T @ (yhat - y) + W.T @ d_a_next) * (1 - h**2)
d_b = d_a  # 100%
d_h = h.T"""

#: So large that no formula is broken: the compiler is asked for errors, not for a fine page.
HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[paperwidth=3000mm,paperheight=1000mm,margin=10mm]{geometry}
\begin{document}
"""


def texts() -> Iterator[str]:
    """Everything that has a method `latex` or is shown in a notebook."""
    for cell in CELLS:
        for readout in (None, Readout(cell.hidden_size, 4)) if hasattr(cell, "step") else (None,):
            derivation = derive(cell, readout)
            yield from (derivation.latex(), derivation._repr_latex_())
        yield from _over_time(derivation)
    for claim in claims.examine():
        yield from (claim.latex(), claim._repr_latex_())
    yield from (verdict.latex() for verdict in check_derivation(RNN(2, 3), LINES))


def _over_time(derivation: Any) -> Iterator[str]:
    """The product over time and the bound, where there are such."""
    for name in ("product", "bound"):
        try:
            found = getattr(derivation, name)()
        except FormulaError:
            continue
        yield from (found.latex(), found._repr_latex_())
        if name == "bound":
            yield found.limit().latex()


def formulas(text: str) -> Iterator[str]:
    """The formulas in a text: those on lines of their own, and those within a line."""
    display = r"\\begin\{align\*\}.*?\\end\{align\*\}"
    yield from re.findall(display, text, re.DOTALL)
    yield from (
        one.removeprefix(r"\displaystyle ")
        for one in re.findall(r"(?<!\\)\$(.+?)(?<!\\)\$", re.sub(display, "", text, flags=re.DOTALL))
    )


if __name__ == "__main__":
    target, found = Path(sys.argv[1]), list(texts())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(HEAD + "\n\n".join(found) + "\n\\end{document}\n", encoding="utf-8")
    target.with_suffix(".json").write_text(json.dumps([one for text in found for one in formulas(text)]))
