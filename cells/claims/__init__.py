"""What textbooks claim of recurrent nets: proved, refuted, or true under conditions, each by steps that run again.

From easy to hard: `claim` (what a claim is), `evidence` (what it is checked with), then the claims by subject:
`slopes`, `recurrence`, `cell_path` and `gates` (LSTM), `merged` (GRU), `looking_back` (attention), `training`;
and `mathematics`, all of it on one page.
"""

from . import activations as slopes
from . import attention as looking_back
from . import gru as merged
from . import lstm_gates as gates
from . import lstm_gradient as cell_path
from . import rnn as recurrence
from . import training
from .claim import Claim, Counterexample

__all__ = ["Claim", "Counterexample", "examine"]


def examine() -> list[Claim]:
    """Every claim, from the slope of tanh to the number of parameters.

    The verdicts are what the steps show; `Claim.run` does the steps again and raises if one does not hold.

    Returns
    -------
    list of Claim
        In the order of the page on the mathematics.

    Examples
    --------
    >>> claims = {claim.name: claim for claim in examine()}
    >>> claims["tan_slope"].verdict
    'refuted'
    >>> numbers = claims["large_weight_explodes"].counterexample.run()
    >>> print(f"w = {numbers['w']:.3f}, derivative per step = {numbers['derivative per step']:.3f}")
    w = 1.313, derivative per step = 0.551
    """
    return [
        *slopes.claims(),
        *recurrence.claims(),
        *cell_path.claims(),
        *gates.claims(),
        *merged.claims(),
        *looking_back.claims(),
        *training.claims(),
    ]
