"""`compile`: trace once for each set of shapes and dtypes, then replay a plan."""

import gc
import os
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import update_wrapper
from threading import Lock, RLock
from typing import Any

import numpy as np

from ..context import kept_checkpoints
from ..errors import CompileArgumentError, OptionError, RetracingWarning
from ..pytree import Structure, flatten
from ..tensor import Tensor
from ..transforms import plain
from .buffers import Storage
from .checkpoints import Segments
from .ir import freeze
from .numba_backend import fuse, require
from .passes import LIMIT, PASSES, optimise
from .plan import LOCKED, Plan
from .trace import Captured, capture

__all__ = ["BACKENDS", "RETRACES", "Compiled", "Options", "compile", "make_plan", "read_arguments"]


NO_KEYWORDS: Mapping[str, Any] = {}


def read_arguments(
    args: tuple[Any, ...], keywords: Mapping[str, Any] = NO_KEYWORDS
) -> tuple[Hashable, list[Any], bool]:
    """The key, the arrays in order, and whether there is a Tensor among the leaves.

    Keywords are part of the key by name, in the order in which they are given.

    Raises
    ------
    CompileArgumentError
        If a leaf is neither an array nor hashable.
    """
    key: list[Any] = []
    arrays: list[Any] = []
    tensors = False
    stack: list[Any] = [keywords, args] if keywords else [args]
    while stack:
        tree = stack.pop()
        kind = type(tree)
        if kind is np.ndarray:
            arrays.append(tree)
            key += (tree.shape, tree.dtype)
        elif isinstance(tree, dict):
            key.append((dict, *tree))
            stack += reversed(tree.values())
        elif isinstance(tree, list | tuple):
            key.append((kind, len(tree)))
            stack += reversed(tree)
        elif isinstance(tree, np.ndarray | np.generic):
            arrays.append(tree)
            key += (tree.shape, tree.dtype)
        elif kind is Tensor:
            tensors = True
        elif tree is None:
            key.append(None)
        else:
            key.append(_setting(tree))
    return tuple(key), arrays, tensors


def _kind(value: Any) -> Hashable:
    """Shape and dtype of an array, all of another argument."""
    return (value.shape, value.dtype) if isinstance(value, np.ndarray | np.generic) else _setting(value)


def _argument(path: str) -> str:
    """A leaf of (args, keywords) as the caller counts it: ``[0][2]`` is argument 2, ``[1]["rate"]`` keyword rate."""
    place, _, rest = path[3:].lstrip("[").partition("]")
    return f"argument {place}{rest}" if path.startswith("[0]") else f"keyword {place.strip(chr(34))}{rest}"


def _setting(value: Any) -> Hashable:
    """An argument that is no array: all of it."""
    if isinstance(value, Iterator):
        raise CompileArgumentError(
            f"a compiled function takes arrays, and settings that stay as they are; got a {type(value).__name__}, "
            "which the first trace would use up. Pass a list or a tuple of its items."
        )
    try:
        hash(value)
    except TypeError as error:
        raise CompileArgumentError(
            f"a compiled function takes arrays, and hashable objects as settings; got a {type(value).__name__}. "
            "Pass it as an array, or let the function close over it."
        ) from error
    return freeze(value)


#: What runs a plan: NumPy alone, or NumPy with loops compiled by Numba.
BACKENDS = ("numpy", "fast")

#: Traces that differ in Python floats alone, from which on a warning says so.
RETRACES = 3


class _Making:
    """The lock that is held while a plan is made, one at a time; a traced function may call compiled ones.

    Attributes
    ----------
    lock : RLock
    collects : bool
        Whether Python's cycle collector has to be switched on again; see `_no_collection`.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.collects = False

    def reset_after_fork(self) -> None:
        """Take a new lock, and switch the collector on if the thread that switched it off does not exist here."""
        self.lock = RLock()
        if self.collects:
            gc.enable()


_MAKING = _Making()
LOCKED.add(_MAKING)


def _after_fork() -> None:
    """Free a forked process of locks whose holders, threads of its parent, do not exist in it.

    Plans need no more: each replay writes all that it reads.
    """
    for holder in list(LOCKED):
        holder.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class Options:
    """The options of planning; see `compile`."""

    passes: frozenset[str] = frozenset(PASSES)
    backend: str = "numpy"
    keep_checkpoints: bool = False


class Compiled:
    """A compiled function; made by `compile`.

    Attributes
    ----------
    traces : int
        How often the function has been traced: once for each new set of shapes, dtypes and static arguments.
    """

    def __init__(self, f: Callable[..., Any], limit: int, options: Options) -> None:
        update_wrapper(self, f)
        self._f = f
        self._limit = limit
        self._options = options
        self._plans: OrderedDict[Hashable, Plan] = OrderedDict()
        self._lock = Lock()
        self._without_floats: Counter[Hashable] = Counter()
        self.traces = 0
        LOCKED.add(self)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """``f(*args, **keywords)``; with Tensors among the arguments the function itself, so that it can be traced.

        Also where a replay overflows, divides by zero or ends in a value that is not finite, the function itself is
        called: no rewriting turns a finite value into another, and NumPy's own warnings say where.
        """
        key, arrays, tensors = read_arguments(args, keywords)
        if tensors:
            return self._f(*args, **keywords)
        plan = self._plan(key, args, keywords)
        results = plan.run(arrays)
        if results is None:
            return self._eager(args, keywords)
        return plan.structure.unflatten(results)

    def _eager(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """The result of the function itself, as a plan would return it."""
        leaves, structure = flatten(self._f(*args, **keywords))
        arrays = [np.array(plain(value)) for value in leaves]
        return structure.unflatten([array[()] if array.ndim == 0 else array for array in arrays])

    def plan(self, *args: Any, **keywords: Any) -> Plan:
        """The plan for these arguments, made if there is none yet; see `Plan.explain`."""
        return self._plan(read_arguments(args, keywords)[0], args, keywords)

    def reset_after_fork(self) -> None:
        """Take a new lock: the thread that held the old one does not exist in a forked process."""
        self._lock = Lock()

    def __len__(self) -> int:
        """The number of plans that are kept."""
        return len(self._plans)

    def _plan(self, key: Hashable, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Plan:
        plan = self._kept(key)
        if plan is not None:
            return plan
        with _MAKING.lock:
            plan = self._kept(key)  # Another thread may have made it meanwhile.
            return self._made(key, args, keywords) if plan is None else plan

    def _kept(self, key: Hashable) -> Plan | None:
        with self._lock:
            plan = self._plans.get(key)
            if plan is not None:
                self._plans.move_to_end(key)
            return plan

    def _made(self, key: Hashable, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Plan:
        leaves, structure = flatten((args, dict(keywords)))
        plan = make_plan(self._f, structure, leaves, self._options)
        self._warn_of_floats(leaves, structure)
        with self._lock:
            self.traces += 1
            self._plans[key] = plan
            if len(self._plans) > self._limit:
                self._plans.popitem(last=False)
        return plan

    def _warn_of_floats(self, leaves: Sequence[Any], structure: Structure) -> None:
        """Warn once if traces differ in Python floats alone."""
        floats = [type(value) is float for value in leaves]
        if not any(floats):
            return
        parts = [float if is_float else _kind(value) for is_float, value in zip(floats, leaves, strict=True)]
        key = (structure, *parts)
        self._without_floats[key] += 1
        if self._without_floats[key] == RETRACES:
            path = next(path for path, is_float in zip(structure.paths(), floats, strict=True) if is_float)
            warnings.warn(
                f"{getattr(self._f, '__name__', 'a compiled function')} was compiled {RETRACES} times for arguments "
                f"that differ only in Python floats ({_argument(path)} is one): each new float is a plan of its own. "
                "Pass what changes as an array of the dtype of the others, as in np.float32(rate) or "
                "np.asarray(rate, x.dtype); it is an input then",
                RetracingWarning,
                stacklevel=5,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles take the function along, and make plans of their own."""
        return Compiled, (self._f, self._limit, self._options)


def make_plan(f: Callable[..., Any], structure: Structure, leaves: Sequence[Any], options: Options) -> Plan:
    """Trace a function, rewrite the trace, give it memory; for the backend "fast" compile what repeats."""
    with _no_collection(), kept_checkpoints(options.keep_checkpoints):
        captured = capture(f, structure, leaves)
        segments = Segments()
        segments.settle(captured.nodes)
        for body in segments.bodies:
            inside = replace(captured, program=body.program, paths=(), operations=body.operations, bytes=0, nodes=())
            body.plan = _planned(inside, options)
        plan = _planned(captured, options)
        plan.notes += segments.notes()
        return plan


def _planned(captured: Captured, options: Options) -> Plan:
    """The plan of one program."""
    # Compiled loops do elementwise operations faster in their steps, where the operands are at hand.
    limit = 0 if options.backend == "fast" else LIMIT
    program, notes = optimise(captured.program, options.passes, limit)
    storage = Storage(program, homes="homes" in options.passes, reuse="reuse" in options.passes)
    plan = Plan(captured, program, storage, notes)
    if options.backend == "fast":
        plan.calls, note = fuse(plan.calls)
        plan.notes += (note,) if note else ()
    return plan


@contextmanager
def _no_collection() -> Iterator[None]:
    """Leave Python's cycle collector out: it would walk through all nodes again and again, and find nothing."""
    enabled = gc.isenabled()
    _MAKING.collects = _MAKING.collects or enabled
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
            _MAKING.collects = False


def compile(
    f: Callable[..., Any],
    *,
    limit: int = 8,
    passes: frozenset[str] | set[str] | None = None,
    backend: str = "numpy",
    keep_checkpoints: bool = False,
) -> Compiled:
    """Make a function that computes what `f` does, faster, by replaying a static NumPy plan.

    The first call with new shapes or dtypes traces `f` on shapes alone and plans: gates become one product,
    products over time one GEMM, memory is allocated once. Later calls copy the arguments in, run a flat list
    of NumPy calls and copy the results out. Composes with the transforms: ``compile(value_and_grad(loss))``.

    Parameters
    ----------
    f : callable
        A pure function of trees of arrays, positional or by keyword, returning a tree of Tensors. Arrays that it
        closes over are constants: pass what changes as an argument.
    limit : int
        How many plans are kept, one for each structure, shapes, dtypes and static arguments; the one that was
        not used for the longest time goes first.
    passes : set of str, optional
        Which rewritings to do; all by default, see `minigrad.compiler.PASSES`. For tests and for measuring.
    backend : {"numpy", "fast"}
        "fast" compiles the loops over time with Numba: steps take a half to a third of the time where arrays
        are small, the first call a few seconds longer. Needs ``pip install numba scipy``.
    keep_checkpoints : bool
        Compute what is behind `checkpoint` again in the backward pass, as the eager engine does. Each kind of
        segment is planned once and all its occurrences share one memory: T steps in segments of √T take O(√T)
        beside inputs and outputs. By default checkpoints are seen through, which is faster.

    Returns
    -------
    Compiled
        Takes arrays; Python numbers, strings and other hashable objects are static, part of what a plan is
        made for: a learning rate that changes is passed as ``np.float32(rate)`` or ``np.asarray(rate)``.
        Results are the caller's own, never overwritten. Several threads may call it: calls with the same plan
        wait for each other. A process forked meanwhile may call it as well.

    Raises
    ------
    ValueDependentError
        By the call that traces, if `f` asks for values: a branch on a Tensor, ``.item()``, anything but shape
        and dtype of ``.value``, or a random generator. Optimizers and clipping take arrays: call them on the
        gradients that come out.
    CompileArgumentError
        If an argument is neither an array nor hashable, or is an iterator.
    OptionError
        If there is no such pass or backend, or the limit is no positive whole number.
    BackendError
        If the backend is "fast" and Numba or SciPy is missing.

    Warns
    -----
    RetracingWarning
        Once, by the third trace that differs from the others in Python floats alone.

    Notes
    -----
    Results agree with `f` to rounding, about 1e-12 in float64 and 1e-5 in float32 relative to the largest
    entry: sums and products are taken in another order. That order could overflow where `f` does not, so a call
    in which NumPy notices an overflow, an invalid operation or a division by zero, or whose results are not all
    finite, is answered by `f` itself, at its speed. What ``warn_nan=True`` looks for is looked for at every call.

    Fork: a child takes new locks, whatever the parent's other threads were doing. One thing is not the library's
    to mend: beside a thread in which Numba compiles (the first call with ``backend="fast"``), Numba's own lock
    stays held in the child, and a BLAS with threads of its own may not survive a fork beside a running product.
    Compile before forking and set ``OPENBLAS_NUM_THREADS=1``, or start processes with "spawn".

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> step = mg.compile(mg.value_and_grad(lambda w: mg.tanh(w * w).sum()))
    >>> value, gradient = step(np.array([0.5, 1.0]))
    >>> bool(np.allclose(gradient, mg.grad(lambda w: mg.tanh(w * w).sum())(np.array([0.5, 1.0]))))
    True
    >>> step(np.array([2.0, 3.0]))[0].round(3), step.traces
    (np.float64(1.999), 1)
    """
    chosen = frozenset(PASSES) if passes is None else frozenset(passes)
    unknown = chosen - set(PASSES)
    if unknown:
        raise OptionError(f"there is no pass {sorted(unknown)}; the passes are {', '.join(PASSES)}")
    if not isinstance(limit, int) or limit < 1:
        raise OptionError(f"limit must be a whole number of plans from 1 on, got {limit!r}")
    if backend not in BACKENDS:
        raise OptionError(f"there is no backend {backend!r}; the backends are {', '.join(BACKENDS)}")
    if backend == "fast":
        require()
    return Compiled(f, limit, Options(chosen, backend, keep_checkpoints))
