"""A real run of a cell at small sizes: the value of every letter, and every true derivative.

This is the judge of formulas that are wrong. It knows nothing of terms: values come from the cell's own
step on numbers (`driving`), derivatives from the engine's reverse sweep. A state reached here is one that the
net can really be in, so a formula that differs here is refuted for good.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...graph import Graph
from ...sweep import reverse_sweep
from ...tensor import Tensor
from ..errors import FormulaError

__all__ = ["OutsideError", "Run"]


class OutsideError(FormulaError):
    """A letter of a step that this run does not have.

    Attributes
    ----------
    early : bool
        Whether the step lies before the first, where no run has the letter; a longer run has later steps.
    """

    def __init__(self, letter: str, t: int, early: bool | None = None) -> None:
        super().__init__(f"there is no {letter} at t={t}")
        self.early = t < 1 if early is None else early


@dataclass(eq=False)
class Run:
    """What a net did over some steps, and E, its loss.

    Attributes
    ----------
    nodes : dict
        ``(t, letter)`` -> the value that the letter has at step t.
    constants : dict
        ``(t, letter)`` -> what no gradient passes through, such as the targets y.
    states : dict
        The parts of the state after step t, by t; in a Jacobian those of other steps are independent.
    params, readout_letters : dict
        Parameters by their letter.
    sizes : dict
        T, D, H, K, and for attention Q, M, A.
    steps : int
        The steps 1 to `steps` have a loss, and sums over time run over them.
    times : tuple of int
        The steps at which a line is to hold.
    loss : Tensor
        E.
    """

    nodes: dict[tuple[int, str], Tensor]
    constants: dict[tuple[int, str], np.ndarray]
    states: Mapping[int, list[Tensor]]
    params: dict[str, Tensor]
    readout_letters: dict[str, Tensor]
    sizes: dict[str, int]
    steps: int
    times: tuple[int, ...]
    loss: Tensor

    @cached_property
    def adjoints(self) -> Any:
        """∂E/∂(every node)."""
        return Graph({}, {"E": self.loss}).adjoints().nodes

    # -- what letters mean -----------------------------------------------------------------------

    def value(self, name: str, t: int) -> np.ndarray:
        """The value of a letter at step t: ``h``, ``h_prev``, ``f_next``, ``W``, ``yhat``, ``d_a``, ``d_a_next``.

        Raises
        ------
        FormulaError
            If the cell has no such letter.
        """
        if name.startswith("d_"):
            return self.adjoint(name[2:], t)
        node = self.node(name, t)
        if node is not None:
            return node.value
        base, when = self._when(name, t)
        if (when, base) in self.constants:
            return self.constants[when, base]
        if any(known == base for _, known in (*self.nodes, *self.constants)):
            raise OutsideError(base, when)
        raise FormulaError(f"the letter {name!r} is not known here; there are: {', '.join(self.letters())}")

    def node(self, name: str, t: int) -> Tensor | None:
        """The node behind a letter, if there is one."""
        base, when = self._when(name, t)
        found = self.nodes.get((when, base))
        if found is None and base == name:
            found = self.params.get(name, self.readout_letters.get(name))
        return found

    def _when(self, name: str, t: int) -> tuple[str, int]:
        for suffix, shift in (("_prev", -1), ("_next", 1)):
            if name.endswith(suffix):
                return name.removesuffix(suffix), t + shift
        further = re.fullmatch(r"(.+)_t([+-]\d+)", name)
        return (further[1], t + int(further[2])) if further else (name, t)

    def letters(self) -> list[str]:
        """What a formula at one step may speak of."""
        now = [name for t, name in (*self.nodes, *self.constants) if t == 1]
        before = [f"{name}_prev" for t, name in self.nodes if t == 0]
        return list(dict.fromkeys((*self.params, *self.readout_letters, *before, *now)))

    def adjoint(self, name: str, t: int) -> np.ndarray:
        """∂E/∂(a letter) at step t; for a parameter, over all steps.

        Raises
        ------
        FormulaError
            If the cell has no such letter, or it is a constant.
        """
        node = self.node(name, t)
        base, when = self._when(name, t)
        if node is None and any(known == base for _, known in self.nodes):
            raise OutsideError(base, when)
        if node is None:
            raise FormulaError(f"there is no adjoint of {name!r}; there are those of: {', '.join(self.letters())}")
        found = self.adjoints.get(node)
        if found is None:
            return np.zeros(node.shape)
        return found.result() if hasattr(found, "result") else np.asarray(found)

    def jacobian(self, of: str, by: str, t: int) -> np.ndarray:
        """∂of/∂by within step t, in numerator layout; the parts of the earlier state are independent.

        Raises
        ------
        FormulaError
            If one of them is no letter of this cell, or their Jacobian is no matrix.
        """
        output, source = self.node(of, t), self.node(by, t)
        if output is None or source is None:
            missing = of if output is None else by
            raise FormulaError(f"there is no {missing!r} to differentiate; there are: {', '.join(self.letters())}")
        if output.ndim > 1 or source.ndim > 1:
            raise FormulaError(f"the Jacobian of {of} by {by} is no matrix; write the gradient d_{by} instead")
        own = self._when(of, t)[1]
        is_given = of.endswith("_next" if of.startswith("backward.") else "_prev")
        if is_given and any(output is state for state in self.states.get(own, ())):
            return np.eye(output.size) if output is source else np.zeros((*output.shape, *source.shape))
        stops = [*(part for when, parts in self.states.items() if when != own for part in parts), source]
        rows = np.zeros((output.size, source.size))
        for i in range(output.size):
            seed = np.zeros(output.size)
            seed[i] = 1.0
            found = reverse_sweep([(output, seed.reshape(output.shape))], targets=stops).nodes.get(source)
            rows[i] = 0.0 if found is None else np.ravel(found)
        return rows.reshape((*output.shape, *source.shape))
