"""Truth of a line about a cell: refuted by real runs, proved on terms, or undecided.

`simulation` holds real runs of cells and nets, `rounding` evaluates a line on their numbers, and `counterexamples`
searches for a run that refutes it. `context` and `resolve` give letters their terms; `term_algebra` and `equality`
prove that two formulas are one. `hints` looks for the likely mistake. `problem` is what lines are checked against,
`dependencies` finds lines that answer themselves in a circle, and `check` with `checker` gives a `verdict` per line.
"""
