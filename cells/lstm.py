"""The long short-term memory cell and its variants."""

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad import linear, named, sigmoid
from minigrad.errors import OptionError

from .cell import ACTIVATIONS
from .initializers import chrono, forget_bias, glorot, initial_values, orthogonal
from .validation import check_sizes, check_switch, check_switches

__all__ = ["LSTM", "VARIANTS", "LSTMGatesState", "LSTMState"]

#: The variants of Greff et al., as switches on top of their "vanilla" cell, which has peepholes.
VARIANTS: dict[str, dict[str, Any]] = {
    "vanilla": {},
    "NIG": {"input_gate": False},
    "NFG": {"forget_gate": False},
    "NOG": {"output_gate": False},
    "NIAF": {"input_activation": "identity"},
    "NOAF": {"output_activation": "identity"},
    "CIFG": {"coupled": True},
    "NP": {"peephole": False},
    "FGR": {"gate_recurrence": True},
}


class LSTMState(NamedTuple):
    """The state of an `LSTM`.

    Attributes
    ----------
    h : (..., H)
        The hidden state, which is the output.
    c : (..., H)
        The cell.
    """

    h: Any
    c: Any


class LSTMGatesState(NamedTuple):
    """The state of an `LSTM` with full gate recurrence, which remembers its gates.

    Attributes
    ----------
    h, c : (..., H)
        The hidden state and the cell.
    i, f, o : (..., H)
        The input, forget and output gate.
    """

    h: Any
    c: Any
    i: Any
    f: Any
    o: Any


@dataclass(frozen=True)
class LSTM:
    """i, f, o = σ(U_k x + W_k h_prev + b_k), g = tanh(U_g x + W_g h_prev + b_g),
    c = f ⊙ c_prev + i ⊙ g, s = tanh(c), h = o ⊙ s.

    Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997, with the
    forget gate of Gers, Schmidhuber and Cummins, "Learning to forget", Neural Computation 12(10), 2000.

    Parameters
    ----------
    input_size : int
        D
    hidden_size : int
        H
    forget_bias : float
        Initial value of b_f (Jozefowicz, Zaremba and Sutskever, ICML 2015, recommend 1).
    chrono : float, optional
        The longest dependency expected, in steps, at least 2: b_f is drawn so that memories of 2 to
        `chrono` steps are there from the start, and b_i = −b_f; see `cells.initializers.chrono`.
        Replaces `forget_bias`.
    peephole : bool
        i and f also see c_prev, o sees the new c, each through a diagonal: + p_k ⊙ c. Gers,
        Schraudolph and Schmidhuber, "Learning precise timing with LSTM recurrent networks", JMLR 3, 2002.
    coupled : bool
        i = 1 − f, and no parameters for i. Greff et al. write f = 1 − i: the same cell, with the signs
        of that gate's parameters turned.
    input_gate, forget_gate, output_gate : bool
        False: the gate is 1 and has no parameters.
    input_activation, output_activation : {"tanh", "relu", "sigmoid", "identity"}
        Of g and of s.
    gate_recurrence : bool
        Each gate k also sees the three gates of the step before: + R_ki i_prev + R_kf f_prev + R_ko o_prev.
        The state then holds the gates too.
    bias : bool
        False: nothing is added, and there are no biases among the parameters, as in PyTorch.

    Raises
    ------
    OptionError
        If a size is no whole number, if a switch has no such value, or two switches contradict each other.

    Notes
    -----
    Parameters, for k in i, f, g, o: ``U_k: (H, D)``, ``W_k: (H, H)``, ``b_k: (H,)``; for the gates k, j in
    i, f, o with the switches: ``p_k: (H,)``, ``R_kj: (H, H)``.

    The arguments of the gates and of g are named ``a_i, a_f, a_o, a_g``, so that δa_f is a letter of derivations.

    The state is an `LSTMState`, or an `LSTMGatesState` with `gate_recurrence`.

    Examples
    --------
    >>> from cells import unroll
    >>> cell = LSTM(input_size=2, hidden_size=3, coupled=True)
    >>> params = cell.init(np.random.default_rng(0))
    >>> sorted(params)
    ['U_f', 'U_g', 'U_o', 'W_f', 'W_g', 'W_o', 'b_f', 'b_g', 'b_o']
    >>> unroll(cell, params, np.ones((5, 2))).outputs.shape
    (5, 3)
    """

    SWITCHES: ClassVar[dict[str, tuple[Any, ...]]] = {
        "peephole": (False, True),
        "coupled": (False, True),
        "input_gate": (True, False),
        "forget_gate": (True, False),
        "output_gate": (True, False),
        "input_activation": tuple(ACTIVATIONS),
        "output_activation": tuple(ACTIVATIONS),
        "gate_recurrence": (False, True),
        "bias": (True, False),
    }

    input_size: int
    hidden_size: int
    _: KW_ONLY
    forget_bias: float = 1.0
    chrono: float | None = None
    peephole: bool = False
    coupled: bool = False
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    input_activation: str = "tanh"
    output_activation: str = "tanh"
    gate_recurrence: bool = False
    bias: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        check_sizes(0, input_size=self.input_size)
        check_sizes(hidden_size=self.hidden_size)
        check_switches(self)
        if self.chrono is not None and not self.bias:
            raise OptionError("chrono draws the gates' biases, which bias=False leaves out; leave out one of the two")
        if self.coupled and not (self.input_gate and self.forget_gate):
            raise OptionError("coupled=True ties the input gate to the forget gate; leave both of them switched on")
        if self.gate_recurrence and self.gates != "ifo":
            raise OptionError(
                "gate_recurrence=True needs the input, forget and output gates, uncoupled; "
                f"the gates with parameters of their own here are: {', '.join(self.gates) or 'none'}"
            )

    @classmethod
    def variant(cls, name: str, input_size: int, hidden_size: int, **switches: Any) -> "LSTM":
        """One of the eight variants of Greff et al., or "vanilla", by its name in the paper.

        NIG, NFG, NOG: no input, forget, output gate; NIAF, NOAF: no input, output activation function;
        CIFG: coupled input and forget gate; NP: no peepholes; FGR: full gate recurrence. All but NP have
        peepholes. Greff, Srivastava, Koutník, Steunebrink and Schmidhuber, "LSTM: a search space
        odyssey", IEEE Transactions on Neural Networks and Learning Systems 28(10), 2017.

        Parameters
        ----------
        name : str
            ``"vanilla"``, or a name from the paper, such as ``"CIFG"``.
        input_size : int
            D
        hidden_size : int
            H
        **switches
            Other arguments of `LSTM`.

        Returns
        -------
        LSTM
            With the variant's switches set.

        Raises
        ------
        OptionError
            If there is no variant of that name.

        Examples
        --------
        >>> LSTM.variant("CIFG", 2, 3).coupled
        True
        """
        check_switch("the variant", name, VARIANTS)
        return cls(input_size, hidden_size, **({"peephole": True} | VARIANTS[name] | switches))

    @property
    def gates(self) -> str:
        """Those of the gates i, f, o that have parameters of their own."""
        present = {"i": self.input_gate and not self.coupled, "f": self.forget_gate, "o": self.output_gate}
        return "".join(k for k in "ifo" if present[k])

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        D, H, gates = self.input_size, self.hidden_size, self.gates
        shapes: dict[str, tuple[int, ...]] = {}
        for k in "ifgo":
            if k == "g" or k in gates:
                shapes |= {f"U_{k}": (H, D), f"W_{k}": (H, H)} | ({f"b_{k}": (H,)} if self.bias else {})
        if self.peephole:
            shapes |= {f"p_{k}": (H,) for k in gates}
        if self.gate_recurrence:
            shapes |= {f"R_{k}{j}": (H, H) for k in gates for j in gates}
        return shapes

    def init(self, rng: np.random.Generator, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """U Glorot, W and R orthogonal, peepholes and biases zero but for b_f (and b_i with `chrono`)."""
        params = initial_values(rng, self.parameter_shapes(), dtype, U=glorot, W=orthogonal, R=orthogonal)
        return params | self._keeping_biases(rng, dtype)

    def _keeping_biases(self, rng: np.random.Generator, dtype: Any) -> dict[str, np.ndarray]:
        """The biases that decide how long the cell remembers at first."""
        if self.chrono is None:
            biases = {"f": forget_bias(rng, self.hidden_size, self.forget_bias, dtype)}
        else:
            keep = chrono(rng, self.hidden_size, self.chrono, dtype)
            biases = {"f": keep, "i": -keep}
        return {f"b_{k}": bias for k, bias in biases.items() if k in self.gates and self.bias}

    def initial_state(self, batch_shape: tuple[int, ...] = (), dtype: Any = np.float64) -> LSTMState | LSTMGatesState:
        """h_0 = c_0 = 0, and likewise the gates if the state holds them."""
        kind = LSTMGatesState if self.gate_recurrence else LSTMState
        return kind(*(np.zeros((*batch_shape, self.hidden_size), dtype) for _ in kind._fields))

    def step(self, params: dict[str, Any], state: Any, x: Any) -> Any:
        """One step: x (..., D), h_prev and c_prev (..., H) -> h and c (..., H)."""
        h_prev, c_prev, *gates_prev = state
        present = self.gates
        input_function, output_function = ACTIVATIONS[self.input_activation], ACTIVATIONS[self.output_activation]

        def affine(k: str) -> Any:
            a = linear(params[f"U_{k}"], x) + linear(params[f"W_{k}"], h_prev)
            return a + params[f"b_{k}"] if self.bias else a

        def gate(k: str, c_seen: Any) -> Any:
            if k not in present:
                return 1
            a = affine(k)
            if self.peephole:
                a = a + params[f"p_{k}"] * c_seen
            for j, gate_prev in zip("ifo", gates_prev, strict=False):
                a = a + linear(params[f"R_{k}{j}"], gate_prev)
            return named(k, sigmoid(named(f"a_{k}", a)))

        f = gate("f", c_prev)
        i = named("i", 1 - f) if self.coupled else gate("i", c_prev)
        g = named("g", input_function(named("a_g", affine("g"))))
        c = named("c", f * c_prev + i * g)
        o = gate("o", c)
        s = named("s", output_function(c))
        h = named("h", o * s)
        return LSTMGatesState(h, c, i, f, o) if self.gate_recurrence else LSTMState(h, c)
