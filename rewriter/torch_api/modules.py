"""What is known of torch.nn's module classes."""

from __future__ import annotations

from rewriter.torch_api.catalogue import ALONE, ROWS
from rewriter.torch_api.traits import Trait

_OF_TORCH = {target: row for row in (*ROWS, *ALONE) for target in row.targets if target.startswith("torch.nn.")}

# Dropout draws random numbers, which is no state of its own; fractional pooling keeps its samples in a buffer.
PARAMETER_FREE = frozenset(
    name
    for name, row in _OF_TORCH.items()
    if "weight" not in row.parameters and (row.spellings or Trait.MOVE in row.traits)
)

_UNKNOWN = frozenset(f"torch.nn.{name}" for name in "Sequential ModuleList ModuleDict Module DataParallel".split())
_COMPUTE_NOTHING = frozenset({"Identity", "Flatten", "Unflatten", "ChannelShuffle"})
_OF_SEVERAL = Trait.COMPOUND | Trait.RECURRENT

# A wrapper of overloads, some of which give a tuple, counts as giving a tensor: its members are tensors either way.
_RESULTS = {
    target: row.returns
    for row in sorted((*ROWS, *ALONE), key=lambda row: row.returns, reverse=True)
    for target in row.targets
}


# Classes of modules stand in these; torch has each of torch.ao's under an older name as well (names.canonical).
_HOMES = ("torch.nn.", "torch.ao.nn.", "runtime.modules.")
_OF_AO = frozenset(f"torch.ao.quantization.{name}" for name in ("QuantStub", "DeQuantStub", "QuantWrapper"))


def is_module_class(full_name: str) -> bool:
    return full_name.startswith(_HOMES) or full_name.endswith(".modules.Call") or full_name in _OF_AO


def result(full_name: str) -> str:
    """What calling an object of the class gives: `tensor`, `tensors` or `unknown`."""
    if full_name in _UNKNOWN:
        return "unknown"
    return _RESULTS.get(full_name, "tensor")


def is_one_operation(full_name: str) -> bool:
    """Whether the forward of a class of torch.nn is one operation, which changes values: a layer, an activation."""
    name = full_name.removeprefix("torch.nn.")
    row = _OF_TORCH.get(full_name)
    is_other = name in _COMPUTE_NOTHING or name.endswith("Loss") or (row is not None and bool(row.traits & _OF_SEVERAL))
    return "." not in name and not is_other and result(full_name) == "tensor"
