"""The groups of what is mutated, and the tests that have to notice."""

from dataclasses import dataclass

__all__ = ["GROUPS", "Group"]

#: Tests of the tests' tools, of sizes and of the house's order: no mutant of a formula is theirs to find, and they
#: look at source files, count the calls on the stack, or take long.
_NEVER = (
    "tests/minigrad/test_public_names.py",
    "tests/minigrad/test_transforms.py::test_the_warning_is_at_the_callers_line",
    "tests/minigrad/test_nans.py::test_the_warning_of_a_nan_is_at_the_callers_line",
    "tests/minigrad/test_expressions.py::test_the_strategy_reaches_every_operation",
    "tests/minigrad/test_sweep.py::test_a_very_long_chain_is_traced_differentiated_and_freed",
    "tests/minigrad/test_sweep.py::test_a_very_long_graph_can_be_handled",
    "tests/cells/test_claims.py",
    "tests/cells/test_memory_task.py",
)


@dataclass(frozen=True)
class Group:
    """Modules that are mutated together.

    Parameters
    ----------
    name : str
    modules : tuple of str
        Patterns of files to mutate.
    tests : tuple of str
        Files and folders of tests that may notice.
    nearest : tuple of str
        Those that mirror the modules: all their tests that reach a mutant are run, however long they take.
    sample : int or None
        How many mutants are tried unless the caller says otherwise; None for all.
    budget : float
        Seconds of further tests for each mutant, the quickest first.
    never : tuple of str
        Files and tests that are left out.
    spared : tuple of str
        Patterns of files that `modules` matches and that are another group's.
    """

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    nearest: tuple[str, ...]
    sample: int | None = None
    budget: float = 8.0
    never: tuple[str, ...] = _NEVER
    spared: tuple[str, ...] = ()


def _engine(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/minigrad/test_{name}.py" for name in names)


_ENGINE_TESTS = _engine(
    "primitives",
    "primitive_edges",
    "rule_corners",
    "tensor",
    "sweep",
    "transforms",
    "graph",
    "checkpoint",
    "tree",
    "scopes",
    "nans",
    "numpy_protocol",
    "expressions",
    "check_grads",
    "lifting_edges",
    "rare_paths",
)

#: Of tests/faults only those in rules: the others take long.
_RULE_TESTS = (*_engine("primitives", "primitive_edges", "rule_corners"), "tests/faults/test_faults_in_rules.py")

_CELL_TESTS = (
    "attention",
    "cell_interface",
    "cell_properties",
    "greff_variants",
    "initializers",
    "readout",
    "state_dicts",
    "torch_exchange",
    "unroll",
)

#: Of the rooms for deriving and checking formulas, the files in which a slip would be a wrong formula or verdict.
_DERIVING = ("bptt", "chain_rule", "derivation", "induction", "norms")
_CHECKING = ("context", "counterexamples", "dependencies", "equality", "resolve", "simulation", "verdict")

GROUPS = {
    group.name: group
    for group in (
        Group(
            "rules",
            ("minigrad/primitives/*.py", "minigrad/primitive.py"),
            (*_RULE_TESTS, *_engine("tensor", "numpy_protocol", "transforms", "sweep", "checkpoint")),
            _engine("primitives", "primitive_edges", "rule_corners"),
            budget=1.0,
        ),
        Group(
            "cells",
            ("cells/*.py",),
            ("tests/cells",),
            tuple(f"tests/cells/test_{name}.py" for name in _CELL_TESTS),
            sample=800,
            budget=15.0,
            spared=("cells/claims/*", "cells/analysis/*"),
        ),
        Group(
            "engine",
            tuple(
                f"minigrad/{name}.py"
                for name in ("autodiff", "transforms", "sweep", "jacobians", "graph", "checkpoint", "losses")
            ),
            (*_ENGINE_TESTS, "tests/cells/test_unroll.py", "tests/minigrad/compiler/test_segments.py"),
            _engine("sweep", "transforms", "graph", "checkpoint", "lifting_edges"),
        ),
        Group(
            "formulas",
            (
                "minigrad/symbolic/terms/*.py",
                *(f"minigrad/symbolic/deriving/{name}.py" for name in _DERIVING),
                *(f"minigrad/symbolic/checking/{name}.py" for name in _CHECKING),
            ),
            ("tests/minigrad/symbolic",),
            ("tests/minigrad/symbolic/test_terms.py", "tests/minigrad/symbolic/test_derivation.py"),
            sample=400,
            budget=15.0,
        ),
        Group(
            "compiling",
            ("minigrad/compiler/passes/*.py",),
            ("tests/minigrad/compiler",),
            ("tests/minigrad/compiler",),
            sample=400,
            budget=15.0,
        ),
        Group(
            "optim",
            ("minigrad/optim/*.py",),
            ("tests/minigrad/test_optim.py",),
            ("tests/minigrad/test_optim.py",),
            sample=200,
        ),
        Group(
            "testing",
            ("minigrad/testing/*.py",),
            _engine("check_backward", "check_grads", "check_grads_judge", "expressions"),
            _engine("check_backward", "check_grads", "check_grads_judge"),
            sample=200,
            budget=15.0,
        ),
        Group(
            "claims",
            ("cells/claims/*.py",),
            ("tests/cells/test_claims.py", "tests/cells/test_claims_can_fail.py"),
            ("tests/cells/test_claims.py", "tests/cells/test_claims_can_fail.py"),
            sample=200,
            budget=30.0,
            never=(),
        ),
        Group(
            "analysis",
            ("cells/analysis/*.py",),
            ("tests/viz", "tests/cells"),
            ("tests/viz/test_diagnosis.py", "tests/viz/test_findings.py", "tests/viz/test_jacobians.py"),
            sample=200,
            budget=15.0,
        ),
        Group(
            "viz",
            ("viz/scene/*.py", "viz/layout/*.py", "viz/render/*.py", "viz/plots/*.py"),
            ("tests/viz",),
            ("tests/viz/test_draw.py", "tests/viz/test_folding.py", "tests/viz/test_flow_pictures.py"),
            sample=200,
            budget=15.0,
        ),
    )
}
