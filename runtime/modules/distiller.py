"""Names and signatures of Distiller's modular LSTM, so that code written for it ports by changing an import."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

from runtime.modules.convert import convert, revert
from runtime.modules.recurrent import LSTM, LSTMCell
from runtime.modules.twin import Twin

AnyModule = TypeVar("AnyModule", bound=nn.Module)
AnyTwin = TypeVar("AnyTwin", bound=Twin)


class DistillerLSTMCell(LSTMCell):
    """`LSTMCell` with Distiller's constructor and conversions; its state_dict is `nn.LSTMCell`'s."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size, bias)

    @staticmethod
    def from_pytorch_impl(lstmcell: nn.LSTMCell) -> DistillerLSTMCell:
        """A modular copy, with weights of its own."""
        return _copied(lstmcell, nn.LSTMCell, DistillerLSTMCell)

    def to_pytorch_impl(self) -> nn.LSTMCell:
        """A torch copy, with weights of its own."""
        return revert(copy.deepcopy(self))


class DistillerLSTM(LSTM):
    """`LSTM` with Distiller's constructor, whose dropout is 0.5 by default; its state_dict is `nn.LSTM`'s."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.5,
        bidirectional: bool = False,
        bidirectional_type: int = 2,
    ) -> None:
        if bidirectional and bidirectional_type != 2:
            raise NotImplementedError(
                "DistillerLSTM joins the two directions after every layer, as nn.LSTM does (bidirectional_type=2); "
                f"bidirectional_type={bidirectional_type!r} is not available"
            )
        # One layer has nowhere to drop anything; torch would warn of the default.
        rate = dropout if num_layers > 1 else 0.0
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, rate, bidirectional)

    @staticmethod
    def from_pytorch_impl(lstm: nn.LSTM) -> DistillerLSTM:
        """A modular copy, with weights of its own."""
        return _copied(lstm, nn.LSTM, DistillerLSTM)

    def to_pytorch_impl(self) -> nn.LSTM:
        """A torch copy, with weights of its own."""
        return revert(copy.deepcopy(self))


def convert_model_to_distiller_lstm(model: AnyModule) -> AnyModule:
    """Every `nn.LSTM` and `nn.LSTMCell` in `model`, itself included, becomes Distiller's, in place. Returns `model`."""
    return convert(model, {nn.LSTM: DistillerLSTM, nn.LSTMCell: DistillerLSTMCell})


def _copied(module: nn.Module, expected: type[nn.Module], twin: type[AnyTwin]) -> AnyTwin:
    if type(module) is not expected:
        raise TypeError(f"{twin.__name__}.from_pytorch_impl expects an nn.{expected.__name__}, got {type(module)}")
    copied = convert(copy.deepcopy(module), {expected: twin})
    assert isinstance(copied, twin)
    return copied
