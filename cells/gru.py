"""The gated recurrent unit."""

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import linear, named, sigmoid, tanh
from minigrad.errors import OptionError

from .initializers import chrono, glorot, initial_values, orthogonal
from .validation import check_sizes, check_switches

__all__ = ["GRU", "GRUState"]


class GRUState(NamedTuple):
    """The state of a `GRU`.

    Attributes
    ----------
    h : (..., H)
        The hidden state.
    """

    h: Any


@dataclass(frozen=True)
class GRU:
    """r, z = σ(U_k x + W_k h_prev + b_k), n = tanh(U_n x + b_n + W_n (r ⊙ h_prev)),
    h = z ⊙ h_prev + (1 − z) ⊙ n.

    Two gates, reset and update, and no cell beside the hidden state. Cho et al., "Learning phrase
    representations using RNN encoder–decoder", EMNLP 2014. Papers and libraries differ in two places, for
    which there are the switches `reset` and `update`.

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H
    reset : {"before", "after"}
        "before": the reset gate acts on h_prev, W_n (r ⊙ h_prev): the printed paper, and Chung et al.
        "after": it acts on the product, n = tanh(U_n x + b_n + r ⊙ (W_n h_prev + c_n)), with a bias c_n
        of its own: cuDNN, PyTorch, Keras' ``reset_after``. The two are equal if W_n is diagonal and c_n
        zero.
    update : {"keep", "write"}
        "keep": z keeps the old state, as above: Cho et al. 2014, PyTorch, ONNX. "write": z writes the
        new one, h = (1 − z) ⊙ h_prev + z ⊙ n: Chung et al., "Empirical evaluation of gated recurrent
        neural networks on sequence modeling", 2014. The one is the other with 1 − z.
    chrono : float, optional
        The longest dependency expected, in steps, at least 2: the update gate's bias is drawn so that
        memories of 2 to `chrono` steps are there from the start; see `cells.initializers.chrono`.
    bias : bool
        False: nothing is added, and there are no biases among the parameters, as in PyTorch.

    Raises
    ------
    OptionError
        If a size is no whole number, if a switch has no such value, or `chrono` is given with bias=False.

    Notes
    -----
    Parameters, for k in r, z, n: ``U_k: (H, D)``, ``W_k: (H, H)``, ``b_k: (H,)``; and ``c_n: (H,)`` with
    reset="after". The arguments of σ and tanh are named ``a_r, a_z, a_n``.

    Examples
    --------
    >>> from cells import unroll
    >>> cell = GRU(input_size=2, hidden_size=3)
    >>> params = cell.init(np.random.default_rng(0))
    >>> sorted(params)
    ['U_n', 'U_r', 'U_z', 'W_n', 'W_r', 'W_z', 'b_n', 'b_r', 'b_z']
    >>> unroll(cell, params, np.ones((5, 2))).outputs.shape
    (5, 3)
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {
        "reset": ("before", "after"),
        "update": ("keep", "write"),
        "bias": (True, False),
    }

    input_size: int
    hidden_size: int
    _: KW_ONLY
    reset: str = "before"
    update: str = "keep"
    chrono: float | None = None
    bias: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switches(self)
        if self.chrono is not None and not self.bias:
            raise OptionError(
                "chrono draws the update gate's bias, which bias=False leaves out; leave out one of the two"
            )

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        D, H = self.input_size, self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {}
        for k in "rzn":
            shapes |= {f"U_{k}": (H, D), f"W_{k}": (H, H)} | ({f"b_{k}": (H,)} if self.bias else {})
        return shapes | ({"c_n": (H,)} if self.reset == "after" and self.bias else {})

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, W orthogonal, biases zero (but for b_z with `chrono`)."""
        params = initial_values(rng, self.parameter_shapes(), dtype, U=glorot, W=orthogonal)
        if self.chrono is not None:
            keep = chrono(rng, self.hidden_size, self.chrono, dtype)
            params["b_z"] = keep if self.update == "keep" else -keep
        return params

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> GRUState:
        """h_0 = 0."""
        return GRUState(np.zeros((*batch_shape, self.hidden_size), dtype))

    def step(self, params: dict[str, Any], state: GRUState, x: Any) -> GRUState:
        """One step: x (..., D), h_prev (..., H) -> h (..., H)."""
        h_prev = state.h

        def biased(a: Any, bias: str) -> Any:
            return a + params[bias] if self.bias else a

        def gate(k: str) -> Any:
            a = biased(linear(params[f"U_{k}"], x) + linear(params[f"W_{k}"], h_prev), f"b_{k}")
            return named(k, sigmoid(named(f"a_{k}", a)))

        r = gate("r")
        z = gate("z")
        if self.reset == "before":
            a_n = biased(linear(params["U_n"], x), "b_n") + linear(params["W_n"], r * h_prev)
        else:
            a_n = biased(linear(params["U_n"], x), "b_n") + r * biased(linear(params["W_n"], h_prev), "c_n")
        n = named("n", tanh(named("a_n", a_n)))
        h = z * h_prev + (1 - z) * n if self.update == "keep" else (1 - z) * h_prev + z * n
        return GRUState(named("h", h))
