"""Optimisers, and the remedies for gradients that explode or vanish; reached as `minigrad.optim`.

Examples
--------
A training loop: gradient, clipping, step.

>>> import minigrad as mg, numpy as np
>>> from cells import GRU, Readout, unroll
>>> rng = np.random.default_rng(0)
>>> cell, readout = GRU(2, 8), Readout(8, 2)
>>> xs = rng.standard_normal((5, 20, 2))
>>> classes = (xs[0, :, 0] > 0).astype(int)
>>> def loss(params):
...     return readout.loss(params["readout"], unroll(cell, params["cell"], xs).final.h, classes)
>>> params = {"cell": cell.init(rng), "readout": readout.init(rng)}
>>> optimizer = mg.optim.Adam(lr=0.03)
>>> state = optimizer.init(params)
>>> before = loss(params)
>>> for _ in range(50):
...     value, gradient = mg.value_and_grad(loss)(params)
...     params, state = optimizer.step(params, mg.optim.clip_by_norm(gradient, 1.0), state)
>>> bool(loss(params) < 0.1 * before)
True
"""

from .clipping import clip_by_norm, clip_by_value, global_norm
from .optimizers import SGD, Adam, AdamState, SGDState
from .pascanu import pascanu_omega, pascanu_regularizer

__all__ = [
    "SGD",
    "Adam",
    "AdamState",
    "SGDState",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "pascanu_omega",
    "pascanu_regularizer",
]
