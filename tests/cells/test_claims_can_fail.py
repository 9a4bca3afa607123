"""Every step of every claim can fail: with a fault planted in what it rests on, it does not hold any more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy

import cells.claims.attention as looking_back
import cells.claims.claim as evidence
import cells.claims.gru as merged
import cells.claims.lstm_gates as gates
import cells.claims.rnn as recurrence
import cells.claims.training as training
from cells import GRU, LSTM, RNN, claims
from minigrad.symbolic import derive
from minigrad.symbolic.deriving.derivation import Derivation
from minigrad.symbolic.deriving.norms import Norms

CLAIMS = {claim.name: claim for claim in claims.examine()}
STEPS = [(name, i) for name, claim in CLAIMS.items() for i in range(len(claim.proof.steps))]

Fault = Callable[[pytest.MonkeyPatch], None]


def answers(owner: Any, name: str, change: Callable[[Any], Any]) -> Fault:
    """A function whose answers are changed."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        honest = getattr(owner, name)
        patch.setattr(owner, name, lambda *args, **kwargs: change(honest(*args, **kwargs)))

    return plant


def jacobians(patch: pytest.MonkeyPatch) -> None:
    """Derived Jacobians, joint ones too, are twice what they should be."""
    joint = Derivation.joint.fget  # type: ignore[attr-defined]
    answers(Derivation, "jacobian", lambda term: 2 * term)(patch)
    patch.setattr(Derivation, "joint", property(lambda self: 2 * joint(self)))


def sums(patch: pytest.MonkeyPatch) -> None:
    """Derived gradients are those of one step, without the sum."""
    honest = Derivation.gradients.func  # type: ignore[attr-defined]
    patch.setattr(
        Derivation, "gradients", property(lambda self: {key: term.args[0] for key, term in honest(self).items()})
    )


def states(patch: pytest.MonkeyPatch) -> None:
    """Cells forget to forget: the state before is added to the new one."""
    for cell in (RNN, LSTM, GRU):
        honest = cell.step

        def step(self: Any, params: Any, state: Any, x: Any, honest: Any = honest) -> Any:
            return type(state)(*(a + b for a, b in zip(honest(self, params, state, x), state, strict=True)))

        patch.setattr(cell, "step", step)


def other(owner: Any, **fields: Any) -> Fault:
    """`derive`, as one module uses it, gives an object with some fields replaced."""

    class Other:
        def __init__(self, honest: Any) -> None:
            self.honest = honest

        def __getattr__(self, name: str) -> Any:
            return fields[name] if name in fields else getattr(self.honest, name)

    return answers(owner, "derive", Other)


#: Words of the reasons for which a fault is likely to matter, which only says which fault is tried first.
FAULTS: list[tuple[str, Fault]] = [
    ("check_derivation", answers(evidence, "check_derivation", lambda found: [replace(found[0], status="undecided")])),
    ("readout symbols", other(training, readout=None, values={})),
    ("definition interval", other(gates, definitions={"i": 1}, bound=lambda: growing())),
    ("state definitions", other(merged, state=("h", "c"), definitions={}, jacobian=lambda *keys: sympy.Symbol("J"))),
    ("bound", other(recurrence, bound=lambda: growing())),
    ("kinds", other(looking_back, jacobian=lambda *keys: ordered())),
    ("Jacobian normal", jacobians),
    ("gradients", sums),
    ("real likewise", states),
    *((name, answers(sympy, name, lambda value: value + 1)) for name in ("product", "limit", "expand", "simplify")),
    ("trigsimp", answers(sympy, "trigsimp", lambda value: -value)),
    ("solveset", answers(sympy, "solveset", lambda value: {1, 2})),
    ("sympy.solve", answers(sympy, "solve", lambda value: [])),
    ("eigenvals", answers(sympy.MatrixBase, "eigenvals", lambda values: {sympy.Integer(5): 1})),
    ("subs", answers(sympy.Basic, "subs", lambda value: value + 1)),
    ("inequality", answers(Norms, "norm", lambda bound: 2 * bound)),
    ("init", answers(LSTM, "init", lambda params: {name: 0 * value for name, value in params.items()})),
    ("clip_by_norm functions", answers(training, "clip_by_norm", lambda g: g[::-1] + 1)),
    ("optimiser", answers(training.SGD, "step", lambda new: ({k: 1.5 * v for k, v in new[0].items()}, new[1]))),
    ("mg.grad", answers(training.mg, "grad", lambda f: lambda *args: 2 * np.ones(5))),
    ("attention", answers(looking_back.Attention, "attend", lambda new: new._replace(context=2 * new.context))),
]


def growing() -> Any:
    """A bound that is not the one of the plain net."""
    return derive(LSTM(2, 3)).bound()


def ordered() -> Any:
    """A product over time."""
    return derive(RNN(2, 3)).product().claim


@pytest.mark.nightly
@pytest.mark.nightly
@pytest.mark.parametrize(("name", "i"), STEPS)
def test_every_step_can_fail(name: str, i: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one of the faults planted the step does not hold, or cannot be done; without, it holds again."""
    step = CLAIMS[name].proof.steps[i]
    likely_first = sorted(FAULTS, key=lambda fault: not any(word in step.reason for word in fault[0].split()))

    assert any(fails_with(fault, step, monkeypatch) for _, fault in likely_first), step.reason
    assert step.check() is True


def fails_with(fault: Fault, step: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    """True if a step notices a fault."""
    with monkeypatch.context() as patch:
        fault(patch)
        try:
            return step.check() is not True
        except Exception:
            return True
