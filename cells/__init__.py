"""The recurrent cells, written as the textbook and the papers write them."""

from .attention import Attended, Attention
from .attention_cell import AttentionCell, AttentionState
from .baselines import Conv1d, Conv1dState, FeedForward, FeedForwardState
from .batch_first import BatchFirst
from .bidirectional import Bidirectional, BidirectionalState
from .cell import Cell, Layer
from .gru import GRU, GRUState
from .lstm import LSTM, LSTMGatesState, LSTMState
from .pytorch import from_torch, to_torch
from .readout import Readout
from .rnn import RNN, RNNState
from .stacked import Stacked, StackedState
from .unroll import Run, unroll

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Attended",
    "Attention",
    "AttentionCell",
    "AttentionState",
    "BatchFirst",
    "Bidirectional",
    "BidirectionalState",
    "Cell",
    "Conv1d",
    "Conv1dState",
    "FeedForward",
    "FeedForwardState",
    "GRUState",
    "LSTMGatesState",
    "LSTMState",
    "Layer",
    "RNNState",
    "Readout",
    "Run",
    "Stacked",
    "StackedState",
    "from_torch",
    "to_torch",
    "unroll",
]
