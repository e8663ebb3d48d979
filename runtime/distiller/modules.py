"""The modules of `distiller.modules`, under the names that its source and its documentation give them."""

from __future__ import annotations

from typing import Any

from runtime.modules import (
    BatchMatmul,
    Chunk,
    Concat,
    EltWiseAdd,
    EltWiseDiv,
    EltWiseMult,
    EltWiseSub,
    Matmul,
    Mean,
    Norm,
    Split,
    Stack,
)
from runtime.modules.distiller import DistillerLSTM, DistillerLSTMCell, convert_model_to_distiller_lstm

EltwiseAdd = EltWiseAdd
EltwiseSub = EltWiseSub
EltwiseMult = EltWiseMult
EltwiseDiv = EltWiseDiv

__all__ = [
    "BatchMatmul",
    "Chunk",
    "Concat",
    "DistillerLSTM",
    "DistillerLSTMCell",
    "EltWiseAdd",
    "EltWiseDiv",
    "EltWiseMult",
    "EltWiseSub",
    "EltwiseAdd",
    "EltwiseDiv",
    "EltwiseMult",
    "EltwiseSub",
    "Matmul",
    "Mean",
    "Norm",
    "Split",
    "Stack",
    "convert_model_to_distiller_lstm",
]

_ABSENT = {
    "BranchPoint": "a branch's output is what its module returns; return it from forward",
    "Print": "register a forward hook that prints",
    "TruncatedSVD": "a matrix is not factorized here",
    "Flatten": "it is torch.nn.Flatten",
}


def __getattr__(name: str) -> Any:
    if name in _ABSENT:
        raise AttributeError(f"{__name__} has no {name}: {_ABSENT[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
