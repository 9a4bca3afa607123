"""Attention, attention over the own past, stacked and two-way nets again in plain NumPy, for `verdict_oracle`.

Nothing here uses minigrad. As there, a net runs on complex numbers, and ``bump`` adds to one letter at one step.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from verdict_oracle import World, _close, sigmoid

Bump = Mapping[Any, Any]


class NetWorld(World):
    """One random net of several parts.

    `only` is the step at which lines hold, where that is one step; all letters are then taken there.
    """

    only: int | None = None

    def __init__(self, seed: int, steps: int = 3, **sizes: int):
        self.kind, self.steps, self.switches = "net", steps, {}
        self.sizes = {"H": 3, "D": 2, "K": 4, **sizes}
        self.H, self.D, self.K = self.sizes["H"], self.sizes["D"], self.sizes["K"]
        rng = np.random.default_rng(seed)
        self.params = {name: rng.normal(size=shape) for name, shape in self.shapes().items()}
        self.xs = rng.normal(size=(steps + 2, self.D))
        self.ys = np.eye(self.K)[rng.integers(self.K, size=steps + 2)]
        if seed % 2:
            self.ys = rng.dirichlet(np.ones(self.K), steps + 2)
        self.start = {name: rng.normal(size=size) / 2 for name, size in self.begins().items()}
        self._adjoints: dict[Any, Any] = {}
        self.letters, _ = self.run({})

    def begins(self) -> dict[str, int]:
        """The letters of the states to begin with, and their lengths."""
        return {}

    def value(self, name: str, t: int) -> Any:
        """As in the parent; entries of vectors, and lengths, as well."""
        t = t if self.only is None else self.only
        if name in self.sizes:
            return self.sizes[name]
        entry = re.fullmatch(r"(d_e|d_alpha|e|alpha)_(\d)", name)
        return super().value(entry[1], t)[int(entry[2]) - 1] if entry else super().value(name, t)

    def evaluate(self, formula: str, t: int) -> Any:
        """As in the parent; ``m`` and ``unit(1)`` as well."""
        return super().evaluate(re.sub(r"unit\((\d)\)", r"eye(3)[\1 - 1]", formula), t)

    def is_true(self, line: str) -> bool:
        """Whether a line holds wherever it is to hold."""
        target, formula = (side.strip() for side in line.split("=", 1))
        if "sum_t" in formula:
            kept, self.only = self.only, None
            try:
                return _close(self.evaluate(formula, 1), self.truth(target, 1))
            finally:
                self.only = kept
        whole = target.startswith("d_") and target[2:] in self.params
        times = (1,) if whole else range(1, self.steps + 1) if self.only is None else (self.only,)
        return all(_close(self.evaluate(formula, t), self.truth(target, t)) for t in times)

    def _hear(self, p: Any, v: Any, put: Any, h: Any, t: int) -> Any:
        logits = put("logits", p["V"] @ h + p["c"])
        v["yhat"], v["y"] = np.exp(logits) / np.exp(logits).sum(), self.ys[t]
        return -np.sum(v["y"] * np.log(v["yhat"])) if 1 <= t <= self.steps else 0

    def _bumped(self, bump: Bump) -> dict[str, Any]:
        return {name: value + bump.get(name, 0) for name, value in self.params.items()}


def _putter(v: dict[str, Any], t: int, bump: Bump) -> Callable[[str, Any], Any]:
    def put(name: str, value: Any) -> Any:
        v[name] = value + bump.get((t, name), 0)
        return v[name]

    return put


class TwoRNNs(NetWorld):
    """An RNN on an RNN, or a GRU on an RNN: letters h1, W1, a2, W2_r, …"""

    def __init__(self, seed: int, upper: str = "RNN"):
        self.upper = upper
        super().__init__(seed, H=2)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters."""
        found: dict[str, tuple[int, ...]] = {"U1": (3, 2), "W1": (3, 3), "b1": (3,)}
        for k in ("",) if self.upper == "RNN" else ("_r", "_z", "_n"):
            found |= {f"U2{k}": (2, 3), f"W2{k}": (2, 2), f"b2{k}": (2,)}
        return found | {"V": (4, 2), "c": (4,)}

    def begins(self) -> dict[str, int]:
        """Both hidden states."""
        return {"h1": 3, "h2": 2}

    def run(self, bump: Bump) -> tuple[list[dict[str, Any]], Any]:
        """All letters at every step, and E."""
        p = self._bumped(bump)
        state = {name: value + bump.get((0, name), 0) for name, value in self.start.items()}
        found, loss = [dict(state)], 0
        for t in range(1, self.steps + 2):
            v: dict[str, Any] = {f"{n}_prev": x + bump.get((t, f"{n}_prev"), 0) for n, x in state.items()}
            put = _putter(v, t, bump)
            x = put("x", self.xs[t])
            h1 = put("h1", np.tanh(put("a1", p["U1"] @ x + p["W1"] @ v["h1_prev"] + p["b1"])))
            h2 = put("h2", self._upper(p, put, h1, v["h2_prev"]))
            loss = loss + self._hear(p, v, put, h2, t)
            state = {"h1": h1, "h2": h2}
            found.append(v)
        return found, loss

    def _upper(self, p: Any, put: Any, x: Any, h: Any) -> Any:
        if self.upper == "RNN":
            return np.tanh(put("a2", p["U2"] @ x + p["W2"] @ h + p["b2"]))
        r = put("r2", sigmoid(put("a2_r", p["U2_r"] @ x + p["W2_r"] @ h + p["b2_r"])))
        z = put("z2", sigmoid(put("a2_z", p["U2_z"] @ x + p["W2_z"] @ h + p["b2_z"])))
        n = put("n2", np.tanh(put("a2_n", p["U2_n"] @ x + p["b2_n"] + p["W2_n"] @ (r * h))))
        return z * h + (1 - z) * n


class TwoWays(NetWorld):
    """Two RNNs, one in each direction: letters h_forward, W_backward, …; the backward one runs from T to 0."""

    def __init__(self, seed: int):
        super().__init__(seed, H=5)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters."""
        ahead: dict[str, tuple[int, ...]] = {"U_forward": (3, 2), "W_forward": (3, 3), "b_forward": (3,)}
        back: dict[str, tuple[int, ...]] = {"U_backward": (2, 2), "W_backward": (2, 2), "b_backward": (2,)}
        return ahead | back | {"V": (4, 5), "c": (4,)}

    def begins(self) -> dict[str, int]:
        """Both hidden states."""
        return {"h_forward": 3, "h_backward": 2}

    def run(self, bump: Bump) -> tuple[list[dict[str, Any]], Any]:
        """All letters at every step, and E."""
        p, loss = self._bumped(bump), 0
        found: list[dict[str, Any]] = [{} for _ in range(self.steps + 2)]
        found[0]["h_forward"] = self.start["h_forward"] + bump.get((0, "h_forward"), 0)
        found[-1]["h_backward"] = self.start["h_backward"] + bump.get((self.steps + 1, "h_backward"), 0)
        for t in range(self.steps + 2):
            _putter(found[t], t, bump)("x", self.xs[t])
        for name, times, before in (
            ("forward", range(1, self.steps + 2), "h_forward_prev"),
            ("backward", range(self.steps, -1, -1), "h_backward_next"),
        ):
            h = found[times[0] - times.step][f"h_{name}"]
            for t in times:
                v, put = found[t], _putter(found[t], t, bump)
                v[before] = h + bump.get((t, before), 0)
                a = put(f"a_{name}", p[f"U_{name}"] @ v["x"] + p[f"W_{name}"] @ v[before] + p[f"b_{name}"])
                h = put(f"h_{name}", np.tanh(a))
        for t in range(1, self.steps + 1):
            v, put = found[t], _putter(found[t], t, bump)
            h = put("h", np.concatenate([v["h_forward"], v["h_backward"]]))
            loss = loss + self._hear(p, v, put, h, t)
        return found, loss


class Attending(NetWorld):
    """Attention alone: letters q, m_1 to m_3, m, e, alpha, context; E is epsilon · context."""

    only = 1

    def __init__(self, seed: int, score: str = "general"):
        self.score = score
        super().__init__(seed, steps=1, Q=2, M=2 if score in ("dot", "scaled_dot") else 4, A=3, H=99)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters."""
        Q, M, A = self.sizes["Q"], self.sizes["M"], self.sizes["A"]
        additive: dict[str, tuple[int, ...]] = {"W": (A, Q), "U": (A, M), "v": (A,)}
        return {"general": {"W": (Q, M)}, "additive": additive}.get(self.score, {})

    def begins(self) -> dict[str, int]:
        """What is given."""
        return {"q": self.sizes["Q"], "epsilon": self.sizes["M"]} | {f"m_{s}": self.sizes["M"] for s in (1, 2, 3)}

    def run(self, bump: Bump) -> tuple[list[dict[str, Any]], Any]:
        """All letters, and E."""
        p, v = self._bumped(bump), {name: value + bump.get((1, name), 0) for name, value in self.start.items()}
        put = _putter(v, 1, bump)
        m = put("m", np.stack([v[f"m_{s}"] for s in (1, 2, 3)]))
        e = put("e", scores(self.score, p, v["q"], m, ""))
        alpha = put("alpha", np.exp(e) / np.exp(e).sum())
        context = put("context", m.T @ alpha)
        return [{}, v, v], v["epsilon"] @ context


def scores(score: str, p: Any, q: Any, m: Any, place: str) -> Any:
    """One for each place in the memory, from the formulas of the papers."""
    match score:
        case "general":
            return np.array([q @ p[f"W{place}"] @ one for one in m])
        case "additive":
            return np.array([p[f"v{place}"] @ np.tanh(p[f"W{place}"] @ q + p[f"U{place}"] @ one) for one in m])
        case "scaled_dot":
            return np.array([one @ q for one in m]) / np.sqrt(len(q))
        case _:
            return np.array([one @ q for one in m])


class OverItsPast(NetWorld):
    """An RNN that attends over its own past, looked at where it has three states: h_prev3, h_prev2, h_prev."""

    only = 3

    def __init__(self, seed: int, when: str = "before", score: str = "dot"):
        self.when, self.score = when, score
        super().__init__(seed, H=2, D=2)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters."""
        found: dict[str, tuple[int, ...]] = {"U_inner": (2, 2), "W_inner": (2, 2), "b_inner": (2,), "C": (2, 2)}
        found |= {"P": (2, 2)} if self.when == "before" else {"W": (2, 2)}
        found |= {"W_attention": (2, 2)} if self.score == "general" else {}
        return found | {"V": (4, 2), "c": (4,)}

    def begins(self) -> dict[str, int]:
        """The hidden state."""
        return {"h": 2}

    def run(self, bump: Bump) -> tuple[list[dict[str, Any]], Any]:
        """All letters at every step, and E."""
        p, loss = self._bumped(bump), 0
        past = [self.start["h"] + bump.get((0, "h"), 0)]
        found: list[dict[str, Any]] = [{"h": past[0]}]
        for t in range(1, self.steps + 2):
            v: dict[str, Any] = {}
            for back, h in enumerate(reversed(past), 1):
                name = f"h_prev{back}" if back > 1 else "h_prev"
                v[name] = h + bump.get((t, name), 0)
            put = _putter(v, t, bump)
            m = put("m", np.stack([v[f"h_prev{back}" if back > 1 else "h_prev"] for back in range(t, 0, -1)]))
            x = put("x", self.xs[t])
            if self.when == "before":
                context = self._attend(p, put, v["h_prev"], m)
                x = put("x_merged", p["P"] @ x + p["C"] @ context)
            h = put("h", np.tanh(put("a", p["U_inner"] @ x + p["W_inner"] @ v["h_prev"] + p["b_inner"])))
            output = h
            if self.when == "after":
                output = put("h_tilde", np.tanh(p["C"] @ self._attend(p, put, h, m) + p["W"] @ h))
            loss = loss + self._hear(p, v, put, output, t)
            past.append(h)
            found.append(v)
        return found, loss

    def _attend(self, p: Any, put: Any, q: Any, m: Any) -> Any:
        e = put("e", scores(self.score, p, q, m, "_attention"))
        alpha = put("alpha", np.exp(e) / np.exp(e).sum())
        return put("context", m.T @ alpha)
