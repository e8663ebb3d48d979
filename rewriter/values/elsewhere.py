"""What functions of other libraries return for tensors."""

from __future__ import annotations

from dataclasses import replace

from rewriter.torch_api import elsewhere
from rewriter.values.base import Call, Machine, Value
from rewriter.values.computed import is_idle
from rewriter.values.modules import TorchModule
from rewriter.values.one_of import join_all
from rewriter.values.sequence import SEQUENCE, Sequence, sequence
from rewriter.values.tensor import ASSUMED, Tensor


def call_elsewhere(name: str, machine: Machine, call: Call) -> Value | None:
    """What the function of that full name returns; None where it is none of those that are known."""
    values = list(call.arguments.values())
    if name in elsewhere.COMPUTING:
        if not is_idle(values):
            machine.note_outside_call(call.node, name)
    elif name in elsewhere.MODULES_THAT_MOVE | elsewhere.MODULES_THAT_COMPUTE:
        return TorchModule(name)
    elif name not in elsewhere.MOVING:
        return None
    found = join_all(map(_as_tensor, values[:1])) if values else ASSUMED
    kind = elsewhere.result(name)
    if kind == "packed":
        return sequence(items=[found, SEQUENCE])
    return found if kind == "tensor" else sequence(found)


def _as_tensor(value: Value) -> Value:
    """One tensor like the given one; where several are given they are stacked."""
    whole = value.member() if value.is_only(Sequence) else value
    tensors = [replace(part, sources=frozenset()) for part in whole.parts if isinstance(part, Tensor)]
    return join_all(tensors) if tensors else ASSUMED
