"""The modules that rewritten source calls."""

import sys

from runtime.modules import operations
from runtime.modules.attention import MultiheadAttention
from runtime.modules.call_again import CallAgain
from runtime.modules.container import WithOperations
from runtime.modules.convert import convert, revert
from runtime.modules.distiller import DistillerLSTM, DistillerLSTMCell, convert_model_to_distiller_lstm
from runtime.modules.function import Call, Function, as_module, shared
from runtime.modules.fused import AddReLU
from runtime.modules.missing import makes_missing
from runtime.modules.operations import *  # noqa: F403  # one class for each operation of the catalogue
from runtime.modules.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from runtime.modules.run_again import RunAgain
from runtime.modules.tied import Tied, again, handed, own
from runtime.modules.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from runtime.modules.turns import ModuleList, nth
from runtime.modules.whole import Whole

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AddReLU",
    "Call",
    "CallAgain",
    "DistillerLSTM",
    "DistillerLSTMCell",
    "Function",
    "GRUCell",
    "LSTMCell",
    "ModuleList",
    "MultiheadAttention",
    "RNNCell",
    "RunAgain",
    "Tied",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Whole",
    "WithOperations",
    "again",
    "as_module",
    "convert",
    "convert_model_to_distiller_lstm",
    "handed",
    "makes_missing",
    "nth",
    "own",
    "revert",
    "shared",
]
__all__ += operations.__all__

# Whole models that were pickled by earlier versions name the files that the classes of operations were in.
_FILES = "activation arithmetic elementwise eltwise grouping images layers matmul pooling reduction trigonometry"
sys.modules.update({f"{__name__}.{file}": operations for file in _FILES.split()})
