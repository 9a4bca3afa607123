"""What follows from one step of a cell, and proofs of it.

`plan` (names and sizes of a cell's parameters), `onestep` (the step on symbols), `chain` (the chain rule over named
values), `readings` (readout and loss), `recurrences` (adjoints and gradients), `derivation` (all closed forms),
`equations` (as they are printed); `proof` (claims with steps that can fail),
`induction` (products over time), `intervals`, `norms`, `bounds` (how much can flow) and `slopes` (tanh' ≤ 1).
"""
