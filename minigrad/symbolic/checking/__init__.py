"""Truth of a line about a cell: refuted by real runs, proved on terms, or undecided.

`reachable` and `driving` (real runs of cells and nets), `measured` (a line on their numbers), `judge` (the search for
a counterexample); `meanings` (letters as terms), `targets` (what is true of them) and `vocabulary` (lines), with
`term_algebra`; `opening`, `comparing`, `by_place` and `equality` (the proof that two formulas are one); `slips` with
`repairs`, `omissions` and `missing` (hints), `consequences` (what follows from a wrong line); `subjects` (what is
checked against) and `verdicts` (`check_derivation`).
"""
