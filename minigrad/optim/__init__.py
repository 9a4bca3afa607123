"""Optimisers, and the remedies for gradients that explode or vanish; reached as `minigrad.optim`."""

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
