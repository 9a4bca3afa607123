"""The recurrent cells, written as the textbook and the papers write them."""

from .cell import Cell
from .gru import GRU, GRUState
from .lstm import LSTM, LSTMGatesState, LSTMState
from .readout import Readout
from .rnn import RNN, RNNState
from .unroll import Run, unroll

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "GRUState",
    "LSTMGatesState",
    "LSTMState",
    "RNNState",
    "Readout",
    "Run",
    "unroll",
]
