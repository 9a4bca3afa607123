"""The chain rule over the named values of a step: Jacobians factored the way a textbook prints them.

∂u/∂v is a sum over the routes from u to v. A value that branches on the way, such as the LSTM's c, is kept
together: what reaches it, times its own Jacobian. So the factor o ⊙ (1 − s²) stands once in front of a
bracket, and nothing is multiplied out.
"""

from collections.abc import Iterable

from ..terms.arithmetic import ONE, add, scale, summands
from ..terms.products import identity, inner, outer, product, transpose
from ..terms.term import Term
from .traced_step import TracedStep

__all__ = ["ChainRule", "factored_sum"]


class ChainRule:
    """Jacobians of one traced step; each is worked out once."""

    def __init__(self, step: TracedStep) -> None:
        self.step = step
        self._order = {key: i for i, key in enumerate(step.values)}
        self._locals: dict[tuple[str, str], Term | None] = {}
        self._jacobians: dict[tuple[str, str], Term] = {}

    def jacobian(self, out: str, wrt: str) -> Term | None:
        """∂out/∂wrt in numerator layout; None if `out` does not depend on `wrt`.

        For a parameter that is a matrix: the change of `out` for a change of the parameter.
        """
        below = self._below(out, wrt)
        if out not in below:
            return None
        for key in sorted(below, key=self._order.__getitem__):
            if (key, wrt) not in self._jacobians:
                self._jacobians[key, wrt] = self._assemble(key, wrt, below)
        return self._jacobians[out, wrt]

    def _below(self, out: str, wrt: str) -> dict[str, set[str]]:
        """Every value on a route from `wrt` to `out`, with the values that lie between it and `wrt`."""
        below: dict[str, set[str]] = {}
        for key in self.step.values:
            pulls = self.step.pulls.get(key, {})
            onward = [v for v in pulls if v in below]
            if wrt in pulls or onward:
                below[key] = set(onward).union(*(below[v] for v in onward))
            if key == out:
                break
        return below

    def _assemble(self, start: str, wrt: str, below: dict[str, set[str]]) -> Term:
        """Push I back from `start`; a value that branches into routes of its own is used whole."""
        own = self.step.term(start).shape
        waiting = {start: identity(own[0]) if own else ONE}
        arrived: list[Term] = []
        while waiting:
            key = max(waiting, key=self._order.__getitem__)
            reached = waiting.pop(key)
            onward = [v for v in self.step.pulls[key] if v == wrt or v in below]
            shared = any(v in below[key] or below[key] & below[v] for v in waiting)
            if key != start and len(onward) > 1 and not shared:
                arrived.append(self._compose(reached, key, self._jacobians[key, wrt]))
                continue
            for v in onward:
                through = self._compose(reached, key, self._local(key, v))
                if v == wrt:
                    arrived.append(through)
                else:
                    waiting[v] = factored_sum([waiting[v], through]) if v in waiting else through
        return factored_sum(arrived)

    def _compose(self, left: Term, key: str, right: Term) -> Term:
        """(∂out/∂u) (∂u/∂v) for the value u under a key; the derivative of a scalar, or by a scalar, is a vector."""
        if not self.step.term(key).shape:
            if left.ndim and right.ndim:
                return outer(left, right)
            return scale(1, left, right) if right.ndim else scale(1, right, left)
        if left.ndim == 1:
            return inner(left, right) if right.ndim == 1 else product(transpose(right), left)
        return product(left, right)

    def _local(self, u: str, v: str) -> Term:
        if (u, v) not in self._locals:
            self._locals[u, v] = self.step.local(u, v)
        found = self._locals[u, v]
        assert found is not None
        return found


def factored_sum(terms: Iterable[Term]) -> Term:
    """A sum in which products that begin with the same matrix share it: A B + A C = A (B + C)."""
    groups: dict[Term, list[Term]] = {}
    rest: list[Term] = []
    for term in (part for one in terms for part in summands(one)):
        if term.kind == "product" and term.ndim == 2:
            groups.setdefault(term.args[0], []).append(term)
        else:
            rest.append(term)
    for first, group in groups.items():
        if len(group) == 1:
            rest += group
        else:
            rest.append(product(first, factored_sum(product(*term.args[1:]) for term in group)))
    return add(rest)
