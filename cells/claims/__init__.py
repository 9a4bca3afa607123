"""Claims of textbooks about recurrent nets: proved, refuted, or true under conditions, each by steps that run again.

`claim` defines a claim and the evidence for it; each other module holds the claims of one subject, see `examine`.
"""

from . import activations, attention, gru, lstm_gates, lstm_gradient, rnn, training
from .claim import Claim, Counterexample

__all__ = ["Claim", "Counterexample", "examine"]


def examine() -> list[Claim]:
    """Every claim, from the derivative of tanh to the number of parameters.

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
        *activations.claims(),
        *rnn.claims(),
        *lstm_gradient.claims(),
        *lstm_gates.claims(),
        *gru.claims(),
        *attention.claims(),
        *training.claims(),
    ]
