"""Sentences about a wrong backward pass. Each is tried on the gradients of many cases before it is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .cases import Case

__all__ = ["Sample", "about_clipping", "about_leaf", "agree", "largest", "mentions_clipping"]

#: How closely the numbers must follow a sentence.
CLOSE = 1e-3

#: In how many cases a sentence must hold, none of them speaking against it.
ENOUGH = 3


@dataclass(frozen=True)
class Sample:
    """Gradients from backward and the right ones, at one case; all arrays have the right shapes."""

    case: Case
    got: Sequence[np.ndarray]
    expected: Sequence[np.ndarray]


def largest(sample: Sample) -> float:
    """The largest entry of all right gradients."""
    return float(np.max(_entries(sample.expected), initial=0.0))


def agree(sample: Sample) -> bool:
    """Return whether all gradients are right, but for rounding and what difference quotients leave open."""
    slack = CLOSE * largest(sample)
    return all(np.allclose(g, e, rtol=CLOSE, atol=slack) for g, e in zip(sample.got, sample.expected, strict=True))


def about_leaf(samples: Sequence[Sample], which: int, names: Sequence[str]) -> str:
    """A remark on one wrong gradient, or an empty string."""
    pairs = [(s.got[which], s.expected[which]) for s in samples]
    if not pairs:
        return ""
    if all(not g.any() for g, _ in pairs):
        return "it is zero in every case tried"
    return _as_factor(samples, which) or _as_transpose(pairs) or _as_another(samples, which, names)


def _as_factor(samples: Sequence[Sample], which: int) -> str:
    """One factor between got and right, the same in all cases or a size in all cases."""
    factors = []
    for sample in samples:
        g, e = sample.got[which], sample.expected[which]
        square = float(np.vdot(e, e))
        if square == 0:
            continue
        factor = float(np.vdot(e, g)) / square
        if not np.allclose(g, factor * e, rtol=CLOSE, atol=CLOSE * float(np.max(np.abs(factor * e)))):
            return ""
        factors.append((sample.case.sizes, factor))
    if len(factors) < ENOUGH:
        return ""
    values = np.array([factor for _, factor in factors])
    count = f"in all {len(values)} cases tried"
    if np.allclose(values, values[0], rtol=CLOSE):
        return "" if abs(values[0] - 1) < 2 * CLOSE else f"{values[0]:.4g} times the right gradient, {count}"
    for name in factors[0][0]:
        size = np.array([sizes[name] for sizes, _ in factors], float)
        if np.ptp(size) == 0:
            continue
        for text, scaled in ((f"1/{name}", values * size), (name, values / size)):
            if np.allclose(scaled, 1, rtol=CLOSE):
                return f"{text} times the right gradient, {count}"
    return ""


def _as_transpose(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    square = [(g, e) for g, e in pairs if g.ndim == 2 and g.shape[0] == g.shape[1] > 1]
    if len(square) < ENOUGH or not all(_close(g.T, e) for g, e in square):
        return ""
    return f"the transpose of the right gradient, in all {len(square)} cases tried"


def _as_another(samples: Sequence[Sample], which: int, names: Sequence[str]) -> str:
    for other, name in enumerate(names):
        if other == which:
            continue
        pairs = [(s.got[which], s.expected[other]) for s in samples]
        pairs = [(g, e) for g, e in pairs if g.shape == e.shape]
        if len(pairs) >= ENOUGH and all(e.any() and _close(g, e) for g, e in pairs):
            return f"the right gradient of {name}, in all {len(pairs)} cases tried"
    return ""


def _close(g: np.ndarray, e: np.ndarray) -> bool:
    return bool(np.allclose(g, e, rtol=CLOSE, atol=CLOSE * float(np.max(np.abs(e), initial=0.0))))


def about_clipping(samples: Sequence[Sample]) -> str:
    """The limit that makes right gradients of what backward returns, or an empty string."""
    for text, norms, clipped in _CLIPPINGS:
        limit = max((float(np.max(norms(s.got), initial=0.0)) for s in samples), default=0.0)
        over = [s for s in samples if float(np.max(norms(s.expected), initial=0.0)) > limit * (1 + CLOSE)]
        if limit > 0 and len(over) >= ENOUGH and all(_follows(s, clipped(s.expected, limit)) for s in samples):
            return (
                f"its gradients are the right ones clipped {text}{limit:.4g}, in all {len(samples)} cases tried; "
                "return them as they are and clip them afterwards"
            )
    return ""


def _follows(sample: Sample, claimed: Sequence[np.ndarray]) -> bool:
    return all(_close(g, c) for g, c in zip(sample.got, claimed, strict=True))


Arrays = Sequence[np.ndarray]


def _norm(arrays: Arrays) -> np.ndarray:
    return np.array([np.sqrt(sum(float(np.vdot(a, a)) for a in arrays))])


def _norms(arrays: Arrays) -> np.ndarray:
    return np.array([np.linalg.norm(a) for a in arrays])


def _entries(arrays: Arrays) -> np.ndarray:
    return np.concatenate([np.abs(np.ravel(a)) for a in arrays]) if arrays else np.zeros(0)


def _shorter(arrays: Arrays, limit: float) -> Arrays:
    norm = float(_norm(arrays)[0])
    return [a * min(1.0, limit / norm) if norm else a for a in arrays]


#: How gradients are clipped: in words, what is limited, and the right gradients clipped that way.
_CLIPPINGS: tuple[tuple[str, Callable[[Arrays], np.ndarray], Callable[[Arrays, float], Arrays]], ...] = (
    ("entry by entry at ±", _entries, lambda arrays, limit: [np.clip(a, -limit, limit) for a in arrays]),
    ("all together to the norm ", _norm, _shorter),
    ("each to the norm ", _norms, lambda arrays, limit: [_shorter([a], limit)[0] for a in arrays]),
)


def mentions_clipping(function: Callable[..., Any]) -> str:
    """The first name with "clip" in it that a function, or one that it calls, refers to; an empty string if none."""
    waiting: list[Any] = [function]
    seen: set[FunctionType] = set()
    while waiting:
        f = waiting.pop()
        f = getattr(f, "__func__", f)
        if not isinstance(f, FunctionType) or f in seen:
            continue
        seen.add(f)
        names = [*_names(f.__code__), *f.__code__.co_freevars]
        for name in names:
            if "clip" in name.lower():
                return name
        cells = [cell.cell_contents for cell in f.__closure__ or () if _filled(cell)]
        waiting += [v for v in [*cells, *(f.__globals__.get(name) for name in names)] if isinstance(v, FunctionType)]
    return ""


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _names(code: CodeType) -> list[str]:
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]
