"""The recurrent cells, written as the textbook and the papers write them."""

from .cell import Cell
from .lstm import LSTM, LSTMState
from .readout import Readout
from .rnn import RNN, RNNState
from .unroll import Run, unroll

__all__ = ["LSTM", "RNN", "Cell", "LSTMState", "RNNState", "Readout", "Run", "unroll"]
