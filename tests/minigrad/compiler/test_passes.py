"""What each pass achieves, seen in the plan."""

from collections import Counter

import numpy as np
import pytest
from planned import agree
from test_agreement import training_step

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell
from minigrad.compiler import PASSES
from minigrad.compiler.buffers import is_view
from minigrad.compiler.passes import matmul as shared


def plan_of(cell, steps, without=(), dtype=np.float32):
    """The plan of a training step, some passes left out."""
    f, args = training_step(cell, dtype, steps=steps)
    return mg.compile(f, passes=frozenset(PASSES) - set(without)).plan(*args)


def operations(plan):
    """How often each operation stands in a plan, views left out."""
    return Counter(node.op for node in plan.storage.order if not is_view(node))


def per_step(cell, what, **settings):
    """What a step costs: the difference of two lengths, so that beginning and end do not count."""
    return (what(plan_of(cell, 30, **settings)) - what(plan_of(cell, 20, **settings))) / 10


def calls(plan):
    """The number of calls."""
    return len(plan.calls)


def products(plan):
    """The number of matrix products."""
    return sum(f in (np.dot, np.matmul) for f, _ in plan.calls)


@pytest.mark.parametrize(("cell", "most"), [(RNN(3, 4), 7), (LSTM(3, 4), 19), (GRU(3, 4, reset="after"), 30)])
def test_calls_of_a_step(cell, most):
    """Forward and backward, one step takes few calls, and as many in a long sequence as in a short one."""
    found = per_step(cell, calls)
    assert found <= most
    assert found < per_step(cell, calls, without=PASSES) / 2


@pytest.mark.parametrize("cell", [RNN(3, 4), LSTM(3, 4), GRU(3, 4, reset="after")])
def test_products_of_a_step(cell):
    """Each step has one product forward and one backward; all others are taken over all steps at once."""
    assert per_step(cell, products) == 2


def test_gates_need_the_pass_for_products():
    """Without it each gate has a product of its own, in each step."""
    assert per_step(LSTM(3, 4), products, without=["products"]) >= 5


def test_gradients_of_parameters_are_taken_over_all_steps():
    """The number of outer products does not grow with the number of steps, and without the pass it does."""
    count = lambda plan: operations(plan)["outer"]  # noqa: E731
    assert per_step(LSTM(3, 4), count) == 0
    assert per_step(LSTM(3, 4), count, without=["sums"]) > 0


def test_outer_products_are_side_by_side():
    """An LSTM's eight matrices get their gradients from two products, and the readout's from one."""
    assert operations(plan_of(LSTM(3, 4), 10))["outer"] == 3
    assert operations(plan_of(LSTM(3, 4), 10, without=["outer"]))["outer"] == 9


def test_logistic_functions_go_through_tanh_in_float32_only():
    """float64 keeps the logistic function, which is accurate far out."""
    assert operations(plan_of(LSTM(3, 4), 5))["sigmoid"] == 0
    assert operations(plan_of(LSTM(3, 4), 5, dtype=np.float64))["sigmoid"] > 0


def test_parts_are_computed_in_their_slots():
    """Copies do not grow with the number of steps: stacks cost nothing."""
    copies = lambda plan: sum(f is np.copyto for f, _ in plan.calls)  # noqa: E731
    assert per_step(LSTM(3, 4), copies) == 0
    assert per_step(LSTM(3, 4), copies, without=["homes"]) > 0


def test_memory_is_reused():
    """Reuse lowers the memory of a plan, and memory grows linearly with the number of steps."""
    memory = lambda plan: plan.storage.allocated  # noqa: E731
    assert per_step(LSTM(3, 4), memory) < per_step(LSTM(3, 4), memory, without=["reuse"])
    lengths = [memory(plan_of(LSTM(3, 4), steps)) for steps in (20, 40, 60)]
    assert lengths[2] - lengths[1] == pytest.approx(lengths[1] - lengths[0], rel=0.05)


@pytest.mark.parametrize(
    "name", sorted(set(PASSES) - {"shared", "simplify", "layout", "reuse", "contractions", "unpack"})
)
def test_every_pass_saves_calls(name):
    """Leaving a pass out makes some cell's plan longer."""
    cells = [LSTM(3, 4), GRU(3, 4, reset="after")]
    assert any(calls(plan_of(cell, 20, without=[name])) > calls(plan_of(cell, 20)) for cell in cells)


@pytest.mark.parametrize("score", ["additive", "general", "concat"])
@pytest.mark.parametrize("worth", [0, shared.WORTH])
def test_a_growing_memory_is_multiplied_part_by_part(monkeypatch, score, worth):
    """Attention over all earlier states has the right gradients where sums are pulled apart, and where not."""
    monkeypatch.setattr(shared, "WORTH", worth)
    agree(*training_step(AttentionCell(LSTM(4, 4), score=score), np.float64), frozenset(PASSES))


def test_keys_are_computed_once():
    """Leaving the pass out multiplies every earlier state anew in each step: the work of a product is counted."""
    cell = AttentionCell(LSTM(4, 4))

    def rows(plan):
        nodes = plan.storage.order
        return sum(node.size for node in nodes if node.op in ("linear", "linear_t") and node.order < len(nodes) / 2)

    assert rows(plan_of(cell, 30)) < rows(plan_of(cell, 30, without=["shared"]))


def test_a_home_made_cell_is_fused_too():
    """Passes look at patterns, not at cells: a loop written by hand gets the same treatment."""
    rng = np.random.default_rng(0)
    A, B, C = (rng.standard_normal((4, 4)) for _ in range(3))

    def loss(A, B, C, xs):
        h = xs[0]
        for t in range(1, len(xs)):
            u, v = mg.tanh(mg.linear(A, h)), mg.sigmoid(mg.linear(B, h))
            h = u * v + mg.linear(C, xs[t])
        return (h * h).sum()

    count = lambda T: products(  # noqa: E731
        mg.compile(mg.value_and_grad(loss, wrt=(0, 1, 2))).plan(A, B, C, rng.standard_normal((T, 2, 4)))
    )
    assert count(30) - count(20) == 20


def test_long_sequences_do_not_recurse():
    """A thousand steps are planned and run without reaching Python's recursion limit."""
    f, args = training_step(RNN(3, 4), np.float64, steps=1000, batch=())
    value, gradient = mg.compile(f)(*args)
    expected, expected_gradient = f(*args)
    assert value == pytest.approx(expected, rel=1e-12)
    wanted = expected_gradient[0]["cell"]["W"]
    assert np.abs(gradient[0]["cell"]["W"] - wanted).max() <= 1e-11 * np.abs(wanted).max()


def test_plans_explain_themselves():
    """The explanation names what was traced, what is called, and what the passes did."""
    plan = plan_of(LSTM(3, 4), 5)
    text = plan.explain()
    assert f"{len(plan.calls)} calls" in text
    assert "products with one vector in one" in text
    assert "what was done:\n  nothing" in mg.compile(lambda x: x + x).plan(np.ones(2)).explain()


@pytest.mark.parametrize("cell", [RNN(3, 4), LSTM(3, 4), GRU(3, 4)])
def test_a_batch_of_one(cell):
    """Gradients of biases are one sum over time in a batch of one too, where each step's sum is a mere reshape."""
    f, args = training_step(cell, np.float64, batch=(1,), steps=12)
    agree(f, args, frozenset(PASSES))
    adds = [node for node in mg.compile(f).plan(*args).storage.order if node.op == "add" and node.shape == (4,)]
    assert not adds


def test_an_entry_of_a_stack_is_the_part_put_there():
    """Taking entries of a stack gives its parts, in their order, and the middle ones too."""

    def f(*xs):
        whole = mg.stack([mg.tanh(x) * (i + 1) for i, x in enumerate(xs)])
        return whole[0], whole[1] * 2, whole[-1]

    agree(f, tuple(np.random.default_rng(0).standard_normal((4, 3))), frozenset(PASSES))


def test_reshapes_in_a_sum_are_no_sums():
    """A sum over steps of reshaped arrays keeps all of their entries."""
    f = lambda xs: (sum(mg.reshape(mg.tanh(xs[t]), (6,)) for t in range(10)) ** 2).sum()  # noqa: E731
    agree(mg.value_and_grad(f), (np.random.default_rng(0).standard_normal((10, 2, 3)),), frozenset(PASSES))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: mg.stack([x[0], x[1]]),
        lambda x, y: mg.stack([x[0], y[1], x[2]]),
        lambda x, y: mg.stack([x[1], x[0], x[2]]),
        lambda x, y: mg.stack([x[0], x[1], x[2]], axis=1),
        lambda x, y: mg.stack([x[0], x[1], x[2]]),
        lambda x, y: mg.stack([x[0] * 2, x[1] * 2]) + y[:2],
    ],
)
@pytest.mark.parametrize("passes", [frozenset({"simplify"}), frozenset(PASSES)])
def test_only_a_stack_of_all_rows_is_the_matrix(f, passes):
    """Some rows, rows of two matrices, rows in another order or side by side are not what they were taken from."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))

    np.testing.assert_array_equal(mg.compile(f, passes=passes)(x, y), f(x, y))
