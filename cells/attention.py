"""Attention: a weighted mean over a memory, the weights learned from the current state.

Layout: the memory m has time on its first axis and vectors on its last, (S, ..., M), as `unroll` gives
them; scores and weights are (S, ...), one number for each place in the memory. Without batch axes
everything is `linear`, so that formulas come out as M q and Mᵀ α.
"""

from dataclasses import KW_ONLY, dataclass
from math import sqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import Tensor, broadcast_to, concatenate, linear, named, reshape, softmax, sum, tanh, where
from minigrad.errors import OptionError, ShapeError

from .errors import AttentionMaskError
from .initializers import glorot, initial_values
from .validation import check_sizes, check_switches

__all__ = ["Attended", "Attention"]

SCORES = ("additive", "dot", "scaled_dot", "general", "concat")


class Attended(NamedTuple):
    """The result of an attention.

    Attributes
    ----------
    context : (..., M)
        Σ_s α_s m_s.
    weights : (S, ...)
        α, at least 0, summing to 1 over the first axis.
    """

    context: Any
    weights: Any


@dataclass(frozen=True)
class Attention:
    """e_s = score(q, m_s), α = softmax(e), context = Σ_s α_s m_s.

    Parameters
    ----------
    query_size : int
        Q, the length of q.
    memory_size : int, optional
        M, the length of each m_s; Q by default.
    score : {"additive", "dot", "scaled_dot", "general", "concat"}
        ============  =======================  ============================================================
        additive      vᵀ tanh(W q + U m_s)     Bahdanau, Cho and Bengio, ICLR 2015, appendix A.1.2
        dot           m_sᵀ q                   Luong, Pham and Manning, EMNLP 2015, equation 8
        scaled_dot    m_sᵀ q / √Q              Vaswani et al., NeurIPS 2017, equation 1
        general       qᵀ W m_s                 Luong, Pham and Manning, equation 8
        concat        vᵀ tanh(W [q; m_s])      Luong, Pham and Manning, equation 8; additive with [W, U] as one
        ============  =======================  ============================================================
    attention_size : int, optional
        A, the length of v; Q by default.

    Raises
    ------
    OptionError
        If a size is no whole number, if there is no such score, or "dot" and "scaled_dot" are asked of vectors of
        different lengths.

    Notes
    -----
    Parameters: additive ``W: (A, Q)``, ``U: (A, M)``, ``v: (A,)``; general ``W: (Q, M)``; concat
    ``W: (A, Q + M)``, ``v: (A,)``; the others have none.
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {"score": SCORES}

    query_size: int
    memory_size: int | None = None
    _: KW_ONLY
    score: str = "additive"
    attention_size: int | None = None

    def __post_init__(self) -> None:
        check_switches(self)
        if self.memory_size is None:
            object.__setattr__(self, "memory_size", self.query_size)
        if self.attention_size is None:
            object.__setattr__(self, "attention_size", self.query_size)
        check_sizes(query_size=self.query_size)
        check_sizes(memory_size=self.memory_size, attention_size=self.attention_size)
        if self.score in ("dot", "scaled_dot") and self.query_size != self.memory_size:
            raise OptionError(
                f"score={self.score!r} multiplies q with m_s, but they have lengths {self.query_size} and "
                f"{self.memory_size}; use 'general'"
            )

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        Q, M, A = self.query_size, self.memory_size or self.query_size, self.attention_size or self.query_size
        shapes: dict[str, dict[str, tuple[int, ...]]] = {
            "additive": {"W": (A, Q), "U": (A, M), "v": (A,)},
            "general": {"W": (Q, M)},
            "concat": {"W": (A, Q + M), "v": (A,)},
        }
        return shapes.get(self.score, {})

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """All matrices, and v as a matrix of one row, Glorot."""
        shapes = {name: (1, *shape) if name == "v" else shape for name, shape in self.parameter_shapes().items()}
        params = initial_values(rng, shapes, dtype, W=glorot, U=glorot, v=glorot)
        return {name: value[0] if name == "v" else value for name, value in params.items()}

    def scores(self, params: dict[str, Any], q: Any, m: Any) -> Any:
        """e_s = score(q, m_s) for every place s of the memory.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        q : (..., Q)
            The query.
        m : (S, ..., M)
            The memory.

        Returns
        -------
        (S, ...)
            e, not yet normalised.
        """
        if self.score == "additive":
            return _dots(tanh(linear(params["W"], q) + linear(params["U"], m)), params["v"])
        if self.score == "concat":
            both = concatenate([broadcast_to(q, (m.shape[0], *q.shape)), m], -1)
            return _dots(tanh(linear(params["W"], both)), params["v"])
        if self.score == "general":
            return _dots(m, linear(params["W"].T, q))
        if self.score == "scaled_dot":
            return _dots(m, q) / sqrt(self.query_size)
        return _dots(m, q)

    def attend(self, params: dict[str, Any], q: Any, m: Any, mask: Any = None) -> Attended:
        """The mean of the memory under the weights that q gives it.

        Parameters
        ----------
        params : dict
            As `init` makes them.
        q : (..., Q)
            The query: the current state.
        m : (S, ..., M)
            The memory, with the batch axes of the query.
        mask : (S, ...) booleans, optional
            An array, a Tensor or a list. True where q may look.

        Returns
        -------
        Attended
            The context and the weights.

        Raises
        ------
        ShapeError
            If q and m do not have the lengths Q and M, or the batch axes of query, memory and mask differ.
        AttentionMaskError
            If the mask allows a query no place at all.

        Examples
        --------
        >>> q, m = np.array([0.0, 9.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> Attention(2, score="dot").attend({}, q, m).context.round(3)
        array([0., 1.])
        """
        if m.shape[1:-1] != q.shape[:-1]:
            raise ShapeError(f"q of shape {q.shape} and m of shape {m.shape} must be (..., Q) and (S, ..., M)")
        if (*q.shape[-1:], *m.shape[-1:]) != (self.query_size, self.memory_size):
            raise ShapeError(
                f"q must be (..., {self.query_size}) and m (S, ..., {self.memory_size}), got {q.shape} and {m.shape}"
            )
        e = named("e", self.scores(params, q, m))
        if mask is not None:
            e = where(_checked_mask(mask, e.shape), e, -np.inf)
        alpha = named("alpha", softmax(e, 0))
        return Attended(named("context", _weighted_sum(alpha, m)), alpha)


def _dots(m: Any, q: Any) -> Any:
    """m_s · q for every s; without batch axes this is the product M q."""
    return linear(m, q) if len(m.shape) == 2 else sum(m * q, -1)


def _weighted_sum(alpha: Any, m: Any) -> Any:
    """Σ_s α_s m_s; without batch axes this is the product Mᵀ α."""
    return linear(m.T, alpha) if len(m.shape) == 2 else sum(reshape(alpha, (*alpha.shape, 1)) * m, 0)


def _checked_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    mask = mask if hasattr(mask, "shape") else np.asarray(mask)
    if mask.shape != shape:
        raise ShapeError(f"a mask has one entry for each score, of shape {shape}; got {mask.shape}")
    values = mask.value if isinstance(mask, Tensor) else mask
    if isinstance(values, np.ndarray) and not np.all(np.any(values, axis=0)):
        raise AttentionMaskError("the mask allows some query no place in the memory; each needs at least one True")
    return mask
