"""check_backward: is a backward pass written by hand the gradient of its forward pass?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np

from ..errors import GradientCheckError, TreeError, UndecidedGradientError
from .cases import BackwardError, BadShape, Case, Functions, planned, written
from .comparing import Arguments, Finding, Gradients, findings, judged
from .hints import Sample, about_clipping, about_leaf, agree, largest, mentions_clipping
from .judges import beside, leaves_of

__all__ = ["check_backward"]

#: Sizes tried unless the caller says otherwise: small, because a slip in an index or a dropped path shows at
#: two or three steps, and the smallest failure is the one to read.
SIZES: Mapping[str, tuple[int, int]] = {"T": (1, 6), "H": (1, 4), "D": (1, 3)}

#: How many times sizes are tried with other random arguments before something is said about them.
DRAWS = 5

#: Differences below this part of what the gradient is for other arguments are rounding where a function saturates.
SATURATED = 1e-12

#: By how much arguments are moved off whole numbers.
OFF_KINKS = 1e-2

#: How many sizes below the first failing ones are tried again, and how many cases advice is tried on.
SMALLER, EVIDENCE = 30, 24


def check_backward(
    f: Callable[..., Any],
    backward: Callable[..., Any],
    make_args: Callable[..., tuple[Any, ...]],
    *,
    wrt: int | tuple[int, ...] = 0,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
    examples: int = 100,
    seed: int = 0,
) -> None:
    """Compare a hand-written backward pass with the gradient of its forward pass.

    All sizes are tried where there are no more than `examples` of them, otherwise the corners, sizes that are all
    different, and random ones. A failure is reported at the smallest sizes that fail. Both functions are given copies
    of their own at each call, and f runs before backward each time, as in training.

    The judge computes in float64. Tolerances follow the precision in which the pass computes, which is measured;
    they are relative to each gradient, however small it is beside others. At a kink (relu at 0) any slope between
    those of the two sides is right.

    Parameters
    ----------
    f : callable
        ``f(*args) -> loss``, the forward pass: of NumPy functions that run on Tensors, or of any others;
        then central differences are the judge.
    backward : callable
        ``backward(*args)`` returns a gradient like the argument `wrt`, or a tuple of them if `wrt` is one.
    make_args : callable
        ``make_args(rng, **sizes) -> tuple``, random arguments for the given sizes.
    wrt : int or tuple of int
        Which arguments `backward` differentiates with respect to.
    sizes : mapping of str to (int, int)
        The smallest and largest value of each size; by default T in 1…6, H in 1…4, D in 1…3.
    examples : int
        How many cases to try.
    seed : int
        Of all random choices: the same seed gives the same verdict.

    Raises
    ------
    GradientCheckError
        Naming the smallest failing sizes and every gradient that is wrong there, by how much; or that backward raises
        an exception, overwrites its arguments, clips its result or gives two answers for the same arguments.
    UndecidedGradientError
        If no judgement is possible: f is random, or a gradient is below rounding or at a kink in every case.
    TreeError
        If `backward` returns another structure than that of the arguments.
    NonScalarOutputError
        If `f` returns more than one number.
    OptionError
        If `sizes`, `examples` or `seed` is out of its range.

    Examples
    --------
    A backward pass that forgets the derivative of tanh:

    >>> import numpy as np
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(w * x))
    >>> def wrong(w, x):
    ...     return x
    >>> check_backward(loss, wrong, lambda rng, D: (rng.normal(size=D), rng.normal(size=D)), sizes={"D": (1, 3)})
    Traceback (most recent call last):
    ...
    minigrad.errors.GradientCheckError: backward is wrong at D=1, the smallest sizes that fail ...
    """
    check = _Check(Functions(f, backward, make_args, wrt), sizes, planned(sizes, examples, seed))
    looks = []
    for case in check.cases:
        look = check.without_saturation(check.look(case))
        if look.fails:
            raise GradientCheckError(_report(check, check.smallest(look)))
        looks.append(look)
    _require_decision(looks)


@dataclass(frozen=True)
class _Look:
    """The result of one case.

    Attributes
    ----------
    case : Case
    findings : list of Finding
        One for each gradient.
    remarks : list of str
        Faults other than wrong numbers.
    raised : BaseException, optional
        By backward.
    moved : bool
        Whether the arguments were moved off whole numbers.
    """

    case: Case
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    raised: BaseException | None = None
    moved: bool = False

    @property
    def wrong(self) -> list[Finding]:
        """The gradients that are wrong."""
        return [finding for finding in self.findings if finding.status == "wrong"]

    @property
    def fails(self) -> bool:
        """Return whether backward is at fault here."""
        return bool(self.wrong or self.remarks or self.raised)


@dataclass(frozen=True)
class _Check:
    """Functions under test, the ranges of their sizes, and the cases to try."""

    functions: Functions
    ranges: Mapping[str, tuple[int, int]]
    cases: list[Case]

    def look(self, case: Case) -> _Look:
        """Both functions at one case."""
        args = self.functions.arguments(case)
        loss, overwritten = self.functions.loss(args, case)
        self._require_one_loss(args, case, loss)
        try:
            got, by_backward = self.functions.gradients(args)
            again, _ = self.functions.gradients(args)
        except BackwardError as raised:
            return _Look(case, raised=raised.error)
        except TreeError as error:
            raise TreeError(f"{error}; at {case}") from None
        remarks = [f"f overwrites {', '.join(overwritten)}; let it work on a copy"] if overwritten else []
        if by_backward:
            remarks.append(f"backward overwrites {', '.join(by_backward)}; let it work on a copy")
        paths = [leaf.path for leaf in self.functions.leaves(args)]
        remarks += _two_answers(got, again, paths)
        if not np.isfinite(loss):
            reason = f"the loss is {loss}"
            leaves = zip(self.functions.leaves(args), got, strict=True)
            return _Look(case, [Finding(leaf, "undecided", g, np.zeros(0), "", reason) for leaf, g in leaves], remarks)
        look = _Look(case, findings(self.functions, args, got), remarks)
        return look if look.fails else self._look_beside(look, args)

    def _look_beside(self, look: _Look, args: Arguments) -> _Look:
        """The same with arguments moved off whole numbers, where relu and its like have kinks that excuse much."""
        positions = self.functions.positions(args)
        if not any(np.any(x == np.round(x)) for x in leaves_of(args, positions)):
            return look
        moved = beside(args, positions, OFF_KINKS, 0)
        try:
            found = findings(self.functions, moved, self.functions.gradients(moved)[0])
        except (BackwardError, TreeError, ValueError, ArithmeticError):  # moved out of the functions' domain
            return look
        there = _Look(look.case, found, look.remarks, moved=True)
        if there.fails:
            return there
        pairs = zip(look.findings, found, strict=True)
        return _Look(look.case, [b if a.status == "undecided" else a for a, b in pairs], look.remarks)

    def _require_one_loss(self, args: Arguments, case: Case, first: float) -> None:
        second, _ = self.functions.loss(args, case)
        if first == second or (np.isnan(first) and np.isnan(second)):
            return
        if abs(first - second) <= 1e-13 * abs(first):  # sums in another order
            return
        state = np.random.get_state()  # noqa: NPY002 (what students use)
        try:
            seeded = []
            for _ in range(2):
                np.random.seed(0)  # noqa: NPY002 (what students use)
                seeded.append(self.functions.loss(args, case)[0])
        finally:
            np.random.set_state(state)  # noqa: NPY002 (what students use)
        why = "it draws from np.random" if seeded[0] == seeded[1] else "or it keeps a state between calls"
        raise UndecidedGradientError(
            f"f is random ({why}): at {case} it gives {first:.8g} and then {second:.8g} for the same arguments. "
            "Draw masks and noise in make_args and pass them as arguments, and reset states at the start of f"
        )

    def without_saturation(self, look: _Look) -> _Look:
        """The same, undecided where both gradients are nothing beside those of other draws: a sigmoid at 1, say."""
        if not look.wrong or look.raised is not None:
            return look
        draws = [_sample(self.functions, case) for case in _redrawn(self, look.case, 4 * DRAWS)]
        found = []
        for which, finding in enumerate(look.findings):
            usual = [np.max(np.abs(draw.expected[which]), initial=0.0) for draw in draws if draw is not None]
            apart = _distance(finding)
            if finding.status == "wrong" and usual and apart <= SATURATED * max(usual):
                reason = f"it is off by {apart:.2g} and up to {max(usual):.2g} for other draws; take others"
                finding = replace(finding, status="undecided", reason=reason)
            found.append(finding)
        return replace(look, findings=found)

    def again(self, sizes: Mapping[str, int], draws: int = DRAWS) -> Iterator[_Look]:
        """Other random arguments for some sizes."""
        seed = self.cases[0].seed[0]
        for draw in range(draws):
            yield self.look(Case(sizes, (seed, len(self.cases) + draw)))

    def smallest(self, found: _Look) -> _Look:
        """A failure of the same kind at smaller sizes, if other random arguments show one."""
        spans = [range(self.ranges[name][0], size + 1) for name, size in found.case.sizes.items()]
        smaller = sorted(product(*spans), key=lambda sizes: (sum(sizes), sizes))[:-1] if len(spans) < 5 else []
        for sizes in smaller[:SMALLER]:
            for look in map(self.without_saturation, self.again(dict(zip(found.case.sizes, sizes, strict=True)))):
                if look.fails and bool(look.raised) == bool(found.raised):
                    return look
        return found


def _redrawn(check: _Check, case: Case, draws: int = DRAWS) -> list[Case]:
    """The same sizes with other random arguments."""
    return [Case(case.sizes, (check.cases[0].seed[0], len(check.cases) + draw)) for draw in range(draws)]


def _distance(finding: Finding) -> float:
    """The largest difference of one gradient; inf where it cannot be compared."""
    if isinstance(finding.got, BadShape) or finding.got.shape != finding.expected.shape:
        return float("inf")
    apart = float(np.max(np.abs(finding.got - finding.expected), initial=0.0))
    return apart if np.isfinite(apart) else float("inf")


def _two_answers(got: Gradients, again: Gradients, paths: Sequence[str]) -> list[str]:
    """A remark if backward gives two answers for the same arguments."""
    pairs = [
        (g, h, path)
        for g, h, path in zip(got, again, paths, strict=True)
        if isinstance(g, np.ndarray) and isinstance(h, np.ndarray)
    ]
    different = [path for g, h, path in pairs if not np.allclose(g, h, rtol=1e-6, atol=0, equal_nan=True)]
    if not different:
        return []
    doubled = all(np.allclose(h, 2 * g, rtol=1e-6) for g, h, _ in pairs)
    why = "the second is twice the first: set sums to zero before adding to them" if doubled else "it keeps a state"
    return [f"backward gives two answers for the same arguments, for {', '.join(different)}: {why}"]


def _require_decision(looks: Sequence[_Look]) -> None:
    """Raise if some gradient was undecided in every case."""
    reasons: dict[str, str] = {}
    decided = set()
    for look in looks:
        for finding in look.findings:
            if finding.status == "undecided":
                reasons.setdefault(finding.leaf.path, f"{finding.reason} (as at {look.case})")
            else:
                decided.add(finding.leaf.path)
    left = [f"the gradient of {path}: {reason}" for path, reason in reasons.items() if path not in decided]
    if left:
        raise UndecidedGradientError("backward cannot be judged in any case tried:\n  " + "\n  ".join(left))


def _report(check: _Check, look: _Look) -> str:
    """The text of a failure: the wrong gradients, and facts about other sizes."""
    if look.raised is not None:
        return _raised(check, look.case, look.raised)
    if not look.wrong:
        return f"at {look.case}: " + "\n  ".join(look.remarks)
    samples = _samples(check, look)
    clipping = about_clipping(samples) or _clipping_inside(check, samples)
    if clipping:
        return "\n  ".join([f"backward clips its gradients at {look.case}: {clipping}", *look.remarks])
    judge = next((finding.judge for finding in look.wrong if finding.judge), "")
    lines = [f"backward is wrong at {look.case}, the smallest sizes that fail (judge: {judge}):"]
    names = [finding.leaf.path for finding in look.findings]
    for which, finding in enumerate(look.findings):
        if finding.status == "wrong":
            remark = about_leaf(samples, which, names)
            lines.append(f"the gradient of {_difference(finding)}" + (f": {remark}" if remark else ""))
    right = [finding.leaf.path for finding in look.findings if finding.status == "right"]
    if right:
        lines.append(f"right there: {', '.join(right)}")
    lines += look.remarks
    lines += [line for line in (_when_called_again(check, look), _sizes_that_pass(check, look.case)) if line]
    seed = list(look.case.seed)
    moved = ", moved a little off whole numbers" if look.moved else ""
    lines.append(f"its arguments: make_args(np.random.default_rng({seed}), {written(look.case.sizes)}){moved}")
    return "\n  ".join(lines)


def _difference(finding: Finding) -> str:
    """The largest difference of one wrong gradient."""
    path, got, expected = finding.leaf.path, finding.got, finding.expected
    if isinstance(got, BadShape):
        return f"{path} has {got.got}, expected an array of the shape of {path}, {expected.shape}"
    distance = np.abs(got - expected)
    distance = np.where(np.isnan(distance), np.inf, distance)
    at = tuple(int(i) for i in np.unravel_index(np.argmax(distance), distance.shape))
    place = f"{path}{list(at) if at else ''}"
    return f"{place} is {float(got[at]):.8g}, expected {float(expected[at]):.8g}"


def _raised(check: _Check, case: Case, error: BaseException) -> str:
    """An exception of backward: where it arose, and at which sizes it does not."""
    kind, text = type(error).__name__, str(error)
    head = f"backward raised {kind} at {case}"
    runs = [
        f"{name}={size}"
        for name, (_, high) in check.ranges.items()
        for size in [_next_size_that_runs(check, case, name, high)]
        if size is not None
    ]
    if runs:
        head += f"; it runs at {', or at '.join(runs)}"
    elif all(look.raised for other in check.cases[:: max(1, len(check.cases) // 10)] for look in [check.look(other)]):
        head += ", and at all other sizes tried"
    return f"{head}: {text}" if text else head


def _next_size_that_runs(check: _Check, case: Case, name: str, high: int) -> int | None:
    """The next larger value of one size at which backward raises nothing, the others left as they are."""
    for size in range(case.sizes[name] + 1, min(high, case.sizes[name] + 3) + 1):
        if not any(look.raised for look in check.again({**case.sizes, name: size}, 2)):
            return size
    return None


def _samples(check: _Check, look: _Look) -> list[Sample]:
    """Gradients and right ones of many cases: those that advice is tried on."""
    if look.moved or _sample(check.functions, look.case) is None:
        return []
    return [sample for case in _evidence(check, look) for sample in [_sample(check.functions, case)] if sample]


def _evidence(check: _Check, look: _Look) -> list[Case]:
    """The failing sizes with several random arguments, and cases of other sizes."""
    spread = [case for case in check.cases if case.sizes != look.case.sizes]
    chosen = spread[:: max(1, len(spread) // (EVIDENCE - DRAWS))][-EVIDENCE + DRAWS :]
    return [look.case, *_redrawn(check, look.case), *chosen]


def _sample(functions: Functions, case: Case) -> Sample | None:
    """The gradients of one case; None where they cannot be compared entry by entry."""
    args = functions.arguments(case)
    try:
        got = functions.gradients(args)[0]
    except (BackwardError, TreeError):
        return None
    arrays = [g for g in got if isinstance(g, np.ndarray) and np.isfinite(g).all()]
    judgement = judged(functions, args)
    known = all(np.isfinite(error).all() for error in judgement.errors)
    return Sample(case, arrays, judgement.arrays) if known and len(arrays) == len(got) else None


def _when_called_again(check: _Check, look: _Look) -> str:
    """A remark if the same arguments have a right answer at another call."""
    if look.remarks or any(check.look(look.case).wrong for _ in range(2)):
        return ""
    return "It is right when it is called again with the same arguments: it keeps a state between calls."


def _sizes_that_pass(check: _Check, case: Case) -> str:
    """The sizes of which one less is right, with several random arguments each."""
    fewer = [
        {name: size - 1}
        for name, size in case.sizes.items()
        if size > check.ranges[name][0] and not any(look.fails for look in check.again({**case.sizes, name: size - 1}))
    ]
    if not fewer:
        return ""
    text = f"It is right at {' and at '.join(written(sizes) for sizes in fewer)} ({DRAWS} draws each)."
    steps = case.sizes.get("T", 0)
    if {"T": steps - 1} in fewer:
        text += (
            f" If T counts time steps, it is wrong from lag {steps - 1} on: look at what a step passes back to the one "
            "before it, at the earlier state that it takes, and at sums over steps."
        )
    return text


def _clipping_inside(check: _Check, samples: Sequence[Sample]) -> str:
    """A remark if backward calls a function for clipping, and is right without it or just where gradients are small."""
    name = mentions_clipping(check.functions.backward)
    if not name or not samples:
        return ""
    with patch.object(np, "clip", _unclipped):
        unclipped = [_sample(check.functions, sample.case) for sample in samples]
    advice = "a clipped gradient is not the gradient of the loss; check it without clipping"
    if all(sample is not None and agree(sample) for sample in unclipped):
        return f"with np.clip left out they are right in all {len(samples)} cases tried; {advice}"
    right = [largest(sample) for sample in samples if agree(sample)]
    wrong = [largest(sample) for sample in samples if not agree(sample)]
    if not right or not wrong or np.median(right) >= np.median(wrong):
        return ""
    return (
        f"it calls `{name}` and is right in {len(right)} of {len(samples)} cases tried, mostly those with small "
        f"gradients; {advice}"
    )


def _unclipped(a: Any, *limits: Any, out: Any = None, **options: Any) -> Any:
    """Stand-in for np.clip that leaves numbers as they are."""
    if out is None:
        return np.array(a)
    out[...] = a
    return out
