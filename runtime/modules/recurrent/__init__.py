"""LSTM, GRU and RNN made of parts that a quantizer can see, as layers over time and as cells."""

from runtime.modules.recurrent.cells import GRUCell, LSTMCell, RNNCell
from runtime.modules.recurrent.layers import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
