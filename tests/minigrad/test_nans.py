"""warn_nan: a warning that names the operation in which a NaN arose, forward or backward."""

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import NaNWarning
from minigrad.nans import cause_of


def unstable(x: Any) -> Any:
    """0 / 0 in the second step, with operations before and after it."""
    with mg.scope("t=2"):
        ratio = (x / x).named("ratio")
    return (mg.tanh(ratio) * 2.0 + x).sum()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_the_first_nan_is_named() -> None:
    """The warning names the node in which the NaN arose, with its scope."""
    with pytest.warns(NaNWarning) as caught:
        value = mg.grad(unstable, warn_nan=True)(np.array([0.0, 1.0]))

    (warning,) = [w for w in caught if w.category is NaNWarning]
    assert str(warning.message) == (
        "the output sum of shape () is NaN; it arose in `ratio` (divide of shape (2,)) at t=2: 0 / 0"
    )
    assert np.isnan(value).any()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_the_warning_of_a_nan_is_at_the_callers_line() -> None:
    """Whoever called the gradient is pointed at, not the engine."""
    with pytest.warns(NaNWarning) as caught:
        mg.grad(unstable, warn_nan=True)(np.array([0.0, 1.0]))

    assert [w.filename for w in caught if w.category is NaNWarning] == [__file__]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_a_nan_that_arises_backward_is_named() -> None:
    """√(x²) at 0 is 0, but its slope is 0 · inf: the warning names the rule."""
    with pytest.warns(NaNWarning) as caught:
        mg.grad(lambda x: mg.sqrt(x * x).named("length"), warn_nan=True)(0.0)

    (warning,) = [w for w in caught if w.category is NaNWarning]
    assert str(warning.message) == (
        "the output `length` (sqrt of shape ()) is not NaN, but its gradient is; "
        "it arose in the reverse rule of multiply of shape (), argument 0, "
        "from an infinity in the reverse rule of `length` (sqrt of shape ())"
    )


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_no_warning_unless_asked_for() -> None:
    """Without warn_nan there is no NaNWarning, and with it none where there is no NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", NaNWarning)

        assert np.isnan(mg.grad(unstable)(np.array([0.0, 1.0]))).any()
        assert np.isfinite(mg.grad(unstable, warn_nan=True)(np.array([2.0, 1.0]))).all()
        assert mg.value_and_grad(mg.tanh, warn_nan=True)(0.0) == (0.0, 1.0)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_that_was_given_is_named_as_the_argument() -> None:
    """A NaN in the data is traced to the argument's own name; Tensors as arguments work as well."""
    with pytest.warns(NaNWarning, match=r"it arose in `xs` \(input of shape \(2,\)\)"):
        mg.grad(lambda xs: mg.tanh(xs).sum(), warn_nan=True)(np.array([np.nan, 1.0]))
    with pytest.warns(NaNWarning, match="it arose in "):
        mg.value_and_grad(unstable, warn_nan=True)(mg.tensor([0.0, 1.0]))


def masked_attention(scores: Any, memory: Any) -> Any:
    """Attention whose second row may look at nothing; the masked row is thrown away afterwards."""
    seen = np.array([[True, True], [False, False]])
    alpha = mg.softmax(mg.where(seen, scores, -np.inf)).named("alpha")
    return mg.where(seen[:, :1], alpha @ memory, 0.0).sum()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize(
    ("f", "args", "text"),
    [
        (masked_attention, (np.ones((2, 2)), np.ones((2, 3))), r"arose in `alpha` \(softmax.*fully masked"),
        (lambda x: (mg.exp(x) - mg.exp(x)).sum(), (np.array([800.0, 1.0]),), "arose earlier, in exp.*exp overflows"),
        (lambda x: mg.where(x > 0, mg.sqrt(x), 0.0).sum(), (np.array([-1.0, 1.0]),), "sqrt of a negative.*safe inside"),
        (lambda x: mg.where(x > 0, mg.sqrt(x), 0.0).sum(), (np.array([0.0, 1.0]),), "rule of sqrt.*safe inside"),
        (lambda x: (x * mg.log(mg.tensor([-1, 2]))).sum(), (np.ones(2),), "log of a negative number"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_the_cause_of_a_nan_is_named_where_it_is_known(f: Any, args: Any, text: str) -> None:
    """A masked row, an earlier overflow and the branch that `where` leaves out are named as causes, with a remedy."""
    with pytest.warns(NaNWarning, match=f"(?s){text}"):
        mg.grad(f, tuple(range(len(args))), warn_nan=True)(*args)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_a_graph_knows_its_first_value_that_is_not_finite() -> None:
    """The node is found forward, whether NaN or infinity; infinities that were given as a mask are not blamed."""
    masked = mg.trace(masked_attention, np.ones((2, 2)), np.ones((2, 3)))
    grown = mg.trace(lambda x: mg.tanh(mg.exp(x).named("e")), np.array([800.0]))
    harmless = mg.trace(lambda x: mg.softmax(mg.where(np.array([True, False]), x, -np.inf)), np.ones(2))

    assert masked.first_nonfinite() is masked.find("alpha")
    assert grown.first_nonfinite() is grown.find("e")
    assert harmless.first_nonfinite() is None


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(
    ("exponent", "text"), [(2.0, "an overflow"), (-2.0, "a division by 0")], ids=["overflow", "pole"]
)
def test_an_infinite_power_is_a_division_only_of_a_negative_power_of_0(exponent: float, text: str) -> None:
    """A 0 that stands beside the entry that overflows is not blamed for it."""
    assert cause_of(mg.tensor([0.0, 1e300]) ** exponent).startswith(text)
