"""warn_nan: a warning that names the operation in which a NaN arose, forward or backward."""

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import NaNWarning


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
        "the output sum of shape () is NaN; it arose in `ratio` (divide of shape (2,)) at t=2"
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
        "the output `length` (sqrt of shape ()) is no NaN, but its gradient is; "
        "it arose in the reverse rule of multiply of shape (), argument 0"
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
