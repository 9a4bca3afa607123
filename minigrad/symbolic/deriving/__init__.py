"""The consequences of one step of a cell, and proofs of them.

`signature` has names and sizes of what enters a step, `traced_step` the step on symbols, `chain_rule` Jacobians of its
named values, `readout` and `bptt` adjoints and gradients; `derivation` is all of it, `equations` prints it. `proof` has
proofs whose steps run again, `induction` products over time, `norms` and `bounds` bounds of Jacobians,
`activation_bounds` tanh' ≤ 1 and its like.
"""
