"""The gradient of a readout and its loss: ∂E_t/∂logits = ŷ_t − y_t, by the engine's reverse sweep."""

from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from ...context import scope
from ...losses import cross_entropy
from ...primitives import log, negative
from ...primitives import softmax as probabilities_of
from ...primitives import sum as total_of
from ...pytree import flatten
from ...sweep import reverse_sweep
from ...tensor import Tensor, leaf
from ..terms.arithmetic import ONE
from ..terms.dims import Dim
from ..terms.entries import softmax
from ..terms.linear import read_linear
from ..terms.names import NOW, Label
from ..terms.normal_form import equal
from ..terms.products import product, total, transpose
from ..terms.rebuild import substitute
from ..terms.symbols import symbol_term
from ..terms.term import Term, make

__all__ = ["TracedReadout", "trace_readout"]


@dataclass(frozen=True)
class TracedReadout:
    """A readout with cross-entropy, on symbols.

    Attributes
    ----------
    loss : Term
        E_t.
    error : Term
        ∂E_t/∂logits_t.
    into_state : Term
        ∂E_t/∂h_t, as far as it comes through the readout.
    gradients : dict
        ∂E_t/∂parameter.
    jacobian : Term
        ∂logits_t/∂h_t.
    of_softmax : Term
        ∂ŷ_t/∂logits_t.
    into_yhat : Term
        ∂E_t/∂ŷ_t.
    of_parameters : dict
        ∂logits_t/∂parameter, of the parameters that are vectors.
    values : dict
        Parameters, ``logits``, ``yhat`` and ``y`` by key.
    """

    loss: Term
    error: Term
    into_state: Term
    gradients: dict[str, Term]
    jacobian: Term
    of_softmax: Term
    into_yhat: Term
    of_parameters: dict[str, Term]
    values: dict[str, Term]

    @property
    def adjoints(self) -> dict[str, Term]:
        """∂E_t/∂logits_t and ∂E_t/∂ŷ_t under their names, by the value."""
        formulas = {"logits": self.error, "yhat": self.into_yhat}
        return {key: make("named", (term,), Label(f"d_{key}", NOW), term.shape) for key, term in formulas.items()}


def trace_readout(readout: Any, h: Term, taken: set[str]) -> TracedReadout:
    """Run a readout and its loss on a hidden state.

    Parameters
    ----------
    readout
        Anything with ``init(rng)`` and ``logits(params, h)``.
    h : Term
        The hidden state, a vector.
    taken : set of str
        Keys and letters that the cell uses; a parameter of the same name is told apart by its place.
    """
    probe, sizes = _with_probes(readout, h.shape[0])
    numbers, structure = flatten(probe.init(np.random.default_rng(0)))
    leaves: dict[str, Tensor] = {}
    for path, value in zip(structure.paths(), numbers, strict=True):
        name = path.strip('[]"')
        label = Label(name, None, ("readout",) if name in taken else ())
        leaves[name] = leaf(symbol_term(label, tuple(sizes.get(n, n) for n in value.shape)), name)
    state = leaf(h)
    with scope("t=t"):
        logits = probe.logits(structure.unflatten(list(leaves.values())), state)
        y = leaf(symbol_term(Label("y", NOW), logits.shape))
        yhat = softmax(logits.value).named("yhat")
        loss = cross_entropy(logits, y)
    known = {softmax(logits.value): yhat, total(y.value): ONE}
    error = substitute(reverse_sweep([(loss, ONE)], targets=[logits]).nodes[logits], known)
    found = reverse_sweep([(logits, error)], targets=[state, *leaves.values()]).nodes
    seed = symbol_term(Label("d_logits", NOW), logits.shape)
    pulled = reverse_sweep([(logits, seed)], targets=[state, *leaves.values()]).nodes
    jacobian = transpose(read_linear(pulled[state], seed))
    vectors = {node.value.label.key: pulled[node] for node in leaves.values() if node.ndim == 1}
    probabilities = probabilities_of(logits)
    back = reverse_sweep([(probabilities, seed)], targets=[logits]).nodes[logits]
    prediction = leaf(yhat)
    of_prediction = negative(total_of(y * log(prediction)))
    assert equal(substitute(loss.value, known), of_prediction.value), "E is the cross-entropy of ŷ"
    return TracedReadout(
        substitute(loss.value, known),
        error,
        product(transpose(jacobian), error),
        {node.value.label.key: found[node] for node in leaves.values()},
        jacobian,
        transpose(substitute(read_linear(back, seed), known)),
        reverse_sweep([(of_prediction, ONE)], targets=[prediction]).nodes[prediction],
        {key: transpose(read_linear(found, seed)) for key, found in vectors.items()},
        {one.label.key: one for one in [*(n.value for n in leaves.values()), logits.value, yhat, y.value]},
    )


def _with_probes(readout: Any, hidden: Any) -> tuple[Any, dict[int, Any]]:
    """A readout of the same kind in which H and K can be told apart, and what its sizes are called."""
    if isinstance(hidden, str) and is_dataclass(readout):
        probe = replace(readout, hidden_size=11, classes=13)  # type: ignore[type-var]
        return probe, {11: hidden, 13: Dim("K")}
    return readout, {readout.hidden_size: hidden, readout.classes: readout.classes}
