"""Terms: how formulas are represented and built, in normal order.

From easy to hard: `labels` and `dims` (what a value and the size of an axis are called), `term` (one node of a
formula), `monomials`, `sums`, `products`, `pieces`, `blocks`, `ranges` (the constructors, which normalise), `walk` and
`rebuild` (going over a formula, changing its parts), `algebra` and `symbols` (the engine's primitives on terms),
`linear` (a matrix read off), `normal` (the canonical form), `relations` (between functions), `fields` and `evaluate`
(the value of a formula).
"""
