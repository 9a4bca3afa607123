"""An independent judge of formulas: the cells again in plain NumPy, derivatives by the complex step, `eval` for lines.

Nothing here uses minigrad. A cell is run on complex numbers; adding iε to one letter and reading imaginary
parts gives exact derivatives of everything after it.
"""

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

STEP = 1e-30


def sigmoid(x: Any) -> Any:
    """σ, of real or complex numbers."""
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.where(np.real(x) > 0, x, 0),
    "identity": lambda x: x,
}


class World:
    """One random net, run for ``steps + 1`` steps of which the last has no loss.

    `kind` is "RNN", "LSTM" or "GRU"; `switches` are those of the cells.
    """

    def __init__(self, kind: str, seed: int, steps: int = 3, H: int = 3, D: int = 2, K: int = 4, **switches: Any):
        self.kind, self.steps, self.H, self.D, self.K, self.switches = kind, steps, H, D, K, switches
        rng = np.random.default_rng(seed)
        self.params = {name: rng.normal(size=shape) for name, shape in self.shapes().items()}
        self.xs = rng.normal(size=(steps + 1, D))
        self.ys = np.eye(K)[rng.integers(K, size=steps + 1)]
        self.state = {name: rng.normal(size=H) / 2 for name in self.parts()}
        self.letters, _ = self.run({})
        self._adjoints: dict[Any, Any] = {}

    def parts(self) -> tuple[str, ...]:
        """What a state holds."""
        if self.kind != "LSTM":
            return ("h",)
        return ("h", "c", "i", "f", "o") if self.switches.get("gate_recurrence") else ("h", "c")

    def gates(self) -> str:
        """The gates with parameters of their own, g and n among them."""
        switches = self.switches
        if self.kind == "GRU":
            return "rzn"
        absent = "" if switches.get("input_gate", True) and not switches.get("coupled") else "i"
        absent += "" if switches.get("forget_gate", True) else "f"
        absent += "" if switches.get("output_gate", True) else "o"
        return "".join(k for k in "ifgo" if k not in absent)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all parameters."""
        H, D, K = self.H, self.D, self.K
        c = "c_readout" if self.kind == "LSTM" else "c"
        readout = {"V": (K, H), c: (K,)}
        if self.kind == "RNN":
            return {"U": (H, D), "W": (H, H), "b": (H,), **readout}
        found: dict[str, tuple[int, ...]] = {}
        for k in self.gates():
            found |= {f"U_{k}": (H, D), f"W_{k}": (H, H), f"b_{k}": (H,)}
            if k != "g" and self.switches.get("peephole"):
                found[f"p_{k}"] = (H,)
            if k != "g" and self.switches.get("gate_recurrence"):
                found |= {f"R_{k}{j}": (H, H) for j in "ifo"}
        if self.switches.get("reset") == "after":
            found["c_n"] = (H,)
        return found | readout

    # -- running -------------------------------------------------------------------------------------

    def run(self, bump: Mapping[Any, Any]) -> tuple[list[dict[str, Any]], Any]:
        """All letters at every step and E; `bump` adds to ``(t, letter)``, or to a parameter under its name.

        ``(t, "h_prev")`` adds to what step t reads, ``(t, "h")`` to what it makes.
        """
        p = {name: value + bump.get(name, 0) for name, value in self.params.items()}
        state = {name: value + bump.get((0, name), 0) for name, value in self.state.items()}
        found, loss = [dict(state)], 0
        for t in range(1, self.steps + 2):
            v: dict[str, Any] = {
                f"{name}_prev": value + bump.get((t, f"{name}_prev"), 0) for name, value in state.items()
            }

            def put(name: str, value: Any, v: dict[str, Any] = v, t: int = t) -> Any:
                v[name] = value + bump.get((t, name), 0)
                return v[name]

            put("x", self.xs[t - 1])
            getattr(self, f"_{self.kind.lower()}")(p, v, put)
            logits = put("logits", p["V"] @ v["h"] + p["c_readout" if self.kind == "LSTM" else "c"])
            v["yhat"], v["y"] = np.exp(logits) / np.exp(logits).sum(), self.ys[t - 1]
            if t <= self.steps:
                loss = loss - np.sum(v["y"] * np.log(v["yhat"]))
            state = {name: v[name] for name in self.parts()}
            found.append(v)
        return found, loss

    def _rnn(self, p: Any, v: Any, put: Any) -> None:
        a = put("a", p["U"] @ v["x"] + p["W"] @ v["h_prev"] + p["b"])
        put("h", FUNCTIONS[self.switches.get("activation", "tanh")](a))

    def _affine(self, k: str, p: Any, v: Any) -> Any:
        return p[f"U_{k}"] @ v["x"] + p[f"W_{k}"] @ v["h_prev"] + p[f"b_{k}"]

    def _gate(self, k: str, p: Any, v: Any, put: Any, seen: str) -> Any:
        a = self._affine(k, p, v)
        if self.switches.get("peephole"):
            a = a + p[f"p_{k}"] * v[seen]
        if self.switches.get("gate_recurrence"):
            a = a + sum(p[f"R_{k}{j}"] @ v[f"{j}_prev"] for j in "ifo")
        return put(k, sigmoid(put(f"a_{k}", a)))

    def _lstm(self, p: Any, v: Any, put: Any) -> None:
        gates = self.gates()
        f = self._gate("f", p, v, put, "c_prev") if "f" in gates else 1
        if self.switches.get("coupled"):
            i = put("i", 1 - f)
        else:
            i = self._gate("i", p, v, put, "c_prev") if "i" in gates else 1
        g = put("g", FUNCTIONS[self.switches.get("input_activation", "tanh")](put("a_g", self._affine("g", p, v))))
        put("c", f * v["c_prev"] + i * g)
        o = self._gate("o", p, v, put, "c") if "o" in gates else 1
        s = put("s", FUNCTIONS[self.switches.get("output_activation", "tanh")](v["c"]))
        put("h", o * s)

    def _gru(self, p: Any, v: Any, put: Any) -> None:
        r = put("r", sigmoid(put("a_r", self._affine("r", p, v))))
        z = put("z", sigmoid(put("a_z", self._affine("z", p, v))))
        if self.switches.get("reset") == "after":
            a = p["U_n"] @ v["x"] + p["b_n"] + r * (p["W_n"] @ v["h_prev"] + p["c_n"])
        else:
            a = p["U_n"] @ v["x"] + p["b_n"] + p["W_n"] @ (r * v["h_prev"])
        n = put("n", np.tanh(put("a_n", a)))
        keep, write = (z, 1 - z) if self.switches.get("update", "keep") == "keep" else (1 - z, z)
        put("h", keep * v["h_prev"] + write * n)

    # -- derivatives ---------------------------------------------------------------------------------

    def _bumps(self, key: Any, shape: tuple[int, ...]) -> Any:
        for index in np.ndindex(*shape):
            unit = np.zeros(shape, complex)
            unit[index] = 1j * STEP
            yield index, {key: unit}

    def adjoint(self, name: str, t: int) -> np.ndarray:
        """∂E/∂(letter at step t), or ∂E/∂(parameter)."""
        key: Any = name if name in self.params else (t, name)
        if key not in self._adjoints:
            shape = np.shape(self.params[name] if name in self.params else self.letters[t][name])
            result = np.empty(shape)
            for index, bump in self._bumps(key, shape):
                result[index] = np.imag(self.run(bump)[1]) / STEP
            self._adjoints[key] = result
        return self._adjoints[key]

    def jacobian(self, of: str, by: str, t: int) -> np.ndarray:
        """∂of/∂by within step t, the parts of the earlier state independent of each other."""
        size, shape = len(self.letters[t][of]), np.shape(self.params[by] if by in self.params else self.letters[t][by])
        result = np.empty((size, *shape))
        for index, bump in self._bumps(by if by in self.params else (t, by), shape):
            inner = self.run(bump)[0] if by not in self.params else self._own_step(bump, t)
            result[(slice(None), *index)] = np.imag(inner[t][of]) / STEP
        return result

    def _own_step(self, bump: Any, t: int) -> Any:
        """A parameter is changed in step t alone: the state before is that of the run without it."""
        copy = object.__new__(World)
        copy.__dict__ |= self.__dict__ | {"steps": 0, "xs": self.xs[t - 1 :], "ys": self.ys[t - 1 :]}
        copy.state = {name: self.letters[t][f"{name}_prev"] for name in self.parts()}
        return {t: copy.run(bump)[0][1]}

    # -- lines ---------------------------------------------------------------------------------------

    def value(self, name: str, t: int) -> Any:
        """A letter as a line uses it at step t."""
        if name.startswith("d_"):
            stem, shift = name[2:], 0
            for suffix, steps in (("_next", 1), ("_prev", -1)):
                if stem.endswith(suffix) and stem not in self.params:
                    stem, shift = stem.removesuffix(suffix), steps
            if stem not in self.params and stem not in self.letters[t + shift]:
                raise KeyError(name)
            return self.adjoint(stem, t + shift)
        if name in self.params:
            return self.params[name]
        if name in self.letters[t]:
            return np.real(self.letters[t][name])
        for suffix, shift in (("_next", 1), ("_prev", -1)):
            stem = name.removesuffix(suffix)
            if name.endswith(suffix) and 0 <= t + shift <= self.steps + 1 and stem in self.letters[t + shift]:
                return np.real(self.letters[t + shift][stem])
        raise KeyError(name)

    def names(self) -> list[str]:
        """Every letter of step t and every parameter."""
        return [*self.params, *self.letters[1]]

    def evaluate(self, formula: str, t: int) -> Any:
        """Python's own value of a formula at step t."""
        tree = _Quoting().visit(ast.parse(formula, mode="eval"))
        code = compile(ast.fix_missing_locations(tree), "<line>", "eval")
        return eval(code, {"__builtins__": {}}, _Scope(self, t))  # the tests' own lines only

    def is_true(self, line: str) -> bool:
        """Whether a line holds at every step of this net."""
        target, formula = (side.strip() for side in line.split("=", 1))
        times = (1,) if target.startswith("d_") and target[2:] in self.params else range(1, self.steps + 1)
        return all(_close(self.evaluate(formula, t), self.truth(target, t)) for t in times)

    def truth(self, target: str, t: int) -> Any:
        """The value of a line's left side."""
        if "/" in target:
            of, by = (side.strip().removeprefix("d") for side in target.split("/"))
            return self.jacobian(of, by, t)
        return self.value(target, t)


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-8, atol=1e-9))


class _Quoting(ast.NodeTransformer):
    """``sum_t(e)`` becomes ``sum_t("e")``, to be evaluated at every step."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "sum_t":
            node.args = [ast.Constant(ast.unparse(node.args[0]))]
            return node
        return self.generic_visit(node)


class _Scope(dict):
    def __init__(self, world: World, t: int):
        super().__init__(
            diag=np.diag, outer=np.outer, exp=np.exp, log=np.log, tanh=np.tanh, sigmoid=sigmoid, sqrt=np.sqrt,
            sum=np.sum, transpose=np.transpose, relu=FUNCTIONS["relu"], positive=lambda x: (x > 0).astype(float),
            softmax=lambda x: np.exp(x) / np.exp(x).sum(), ones=_ones, eye=np.eye, H=world.H, D=world.D, K=world.K,
        )  # fmt: skip
        self.world, self.t = world, t
        self["sum_t"] = lambda text: sum(world.evaluate(text, step) for step in range(1, world.steps + 1))

    def __missing__(self, name: str) -> Any:
        return self.world.value(name, self.t)


def _ones(size: Any) -> np.ndarray:
    return np.ones(size if isinstance(size, int) else len(size))
