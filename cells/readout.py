"""From hidden states to class scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import cross_entropy, linear, named, softmax, sum, where
from minigrad.errors import ShapeError

from .initializers import glorot
from .validation import check_sizes, checked_lengths, column, within

__all__ = ["Readout"]


@dataclass(frozen=True)
class Readout:
    """logits = V h + c, ŷ = softmax(logits), E = Σ_t −y_t · log ŷ_t.

    Parameters
    ----------
    hidden_size : int
        H
    classes : int
        K

    Raises
    ------
    OptionError
        If a size is no whole number of at least 1.

    Notes
    -----
    Parameters: ``V: (K, H)``, ``c: (K,)``.
    """

    hidden_size: int
    classes: int

    def __post_init__(self) -> None:
        check_sizes(hidden_size=self.hidden_size, classes=self.classes)

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """V Glorot, c zero.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        dtype : dtype
            float64 or float32.

        Returns
        -------
        dict
            ``V: (K, H)`` and ``c: (K,)``.
        """
        return {"V": glorot(rng, (self.classes, self.hidden_size), dtype), "c": np.zeros(self.classes, dtype)}

    def logits(self, params: dict[str, Any], h: Any) -> Any:
        """Scores of the classes, V h + c.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        h : (..., H) array, Tensor or term
            Hidden states.

        Returns
        -------
        (..., K)
            Any real numbers.
        """
        return named("logits", linear(params["V"], h) + params["c"])

    def probabilities(self, params: dict[str, Any], h: Any) -> Any:
        """ŷ = softmax(V h + c).

        Parameters
        ----------
        params : dict
            As `init` makes them.
        h : (..., H) array, Tensor or term
            Hidden states.

        Returns
        -------
        (..., K)
            At least 0, summing to 1 over the last axis.
        """
        return named("yhat", softmax(self.logits(params, h)))

    def loss(self, params: dict[str, Any], h: Any, targets: Any, *, lengths: Any = None) -> Any:
        """E, the cross-entropy summed over all positions; ∂E/∂logits = ŷ − y.

        Without `lengths` every position counts: of a batch that was run with `cells.unroll` and `lengths`
        also the padded ones, where h = 0 and softmax(c) is held against whatever the targets say there.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        h : (..., H)
            Hidden states.
        targets : (...) class indices or (..., K) distributions
            See `minigrad.cross_entropy`.
        lengths : (...) integers from 0 to T, optional
            How long each sequence of the batch is, for h of shape (T, ..., H), time first, as in
            `cells.unroll`. Positions past the end add nothing to E and get no gradient; what stands
            there, in h and in the targets, may be anything, -1 or NaN as well.

        Returns
        -------
        scalar
            The sum over all positions, not the mean.

        Raises
        ------
        ShapeError, DtypeError, OptionError
            If the lengths do not fit h, are no integers, or not from 0 to T.

        Examples
        --------
        >>> readout, h = Readout(2, 4), np.zeros((3, 2, 2))
        >>> params = {"V": np.zeros((4, 2)), "c": np.zeros(4)}
        >>> float(readout.loss(params, h, np.array([[0, 1], [2, -1], [3, -1]]), lengths=[3, 1]) / np.log(4))
        4.0
        """
        if lengths is None:
            return sum(cross_entropy(self.logits(params, h), targets))
        if len(h.shape) < 2:
            raise ShapeError(f"with lengths, h must be (T, ..., {self.hidden_size}), time first, got {h.shape}")
        T = h.shape[0]
        inside = within(checked_lengths(lengths, h.shape[1:-1], T), T)
        targets = targets if hasattr(targets, "shape") else np.asarray(targets)
        indices = targets.shape == inside.shape
        safe_targets = where(inside if indices else column(inside), targets, 0)
        losses = cross_entropy(self.logits(params, where(column(inside), h, 0.0)), safe_targets)
        return sum(where(inside, losses, 0.0))
