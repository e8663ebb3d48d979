"""Classes of torch.nn that no function of torch stands for: rewriting leaves them, or makes twins of them."""

from __future__ import annotations

from rewriter.torch_api.row import Row, TorchModule
from rewriter.torch_api.traits import Trait


def _alone(name: str, traits: Trait, returns: str = "tensor", compound: bool = False) -> Row:
    return Row(
        op=name,
        code="RW301" if compound else "",
        target=f"runtime.modules.{name}" if compound else f"torch.nn.{name}",
        attribute="",
        operands=("input",),
        spellings=(),
        returns=returns,
        traits=traits | (Trait.COMPOUND if compound else Trait.NONE),
        modules=(TorchModule(f"torch.nn.{name}"),) if compound else (),
    )


ROWS = (
    _alone("Identity", Trait.MOVE | Trait.HOMOGENEOUS),
    _alone("Flatten", Trait.MOVE),
    _alone("Unflatten", Trait.MOVE),
    *(_alone(name, Trait.RECURRENT, "tensors", compound=True) for name in ("LSTM", "GRU", "RNN", "LSTMCell")),
    *(_alone(name, Trait.RECURRENT, compound=True) for name in ("GRUCell", "RNNCell")),
    _alone("MultiheadAttention", Trait.CONTRACTION, "tensors", compound=True),
    *(
        _alone(f"Transformer{part}", Trait.CONTRACTION, compound=True)
        for part in ("", "Encoder", "EncoderLayer", "Decoder", "DecoderLayer")
    ),
    *(_alone(name, Trait.RECURRENT) for name in ("RNNBase", "RNNCellBase")),
)
