"""What is known of torch.nn's module classes."""

from __future__ import annotations

from collections import defaultdict

from rewriter.torch_api.catalogue import ALONE, ROWS, by_target, foreign_classes
from rewriter.torch_api.elsewhere import MODULES_THAT_COMPUTE, MODULES_THAT_MOVE, QUANTIZED_LAYERS
from rewriter.torch_api.row import Row
from rewriter.torch_api.traits import Trait

_OF_TORCH = {target: row for row in (*ROWS, *ALONE) for target in row.targets if target.startswith("torch.nn.")}

# Dropout draws random numbers, which is no state of its own; fractional pooling keeps its samples in a buffer.
PARAMETER_FREE = frozenset(
    name
    for name, row in _OF_TORCH.items()
    if "weight" not in row.parameters and (row.spellings or Trait.MOVE in row.traits)
) | (MODULES_THAT_MOVE | MODULES_THAT_COMPUTE | {f.target for _, f in foreign_classes() if f.library != "brevitas"})

# Whatever their arguments are; a normalization may have none.
WITH_PARAMETERS = frozenset(name for name, row in _OF_TORCH.items() if Trait.WEIGHTED in row.traits)

_UNKNOWN = frozenset(f"torch.nn.{name}" for name in "Sequential ModuleList ModuleDict Module DataParallel".split())
COMPUTE_NOTHING = frozenset({"Identity", "Flatten", "Unflatten", "ChannelShuffle"})
_OF_SEVERAL = Trait.COMPOUND | Trait.RECURRENT

_ROWS = defaultdict[str, list[Row]](list)
for _row in (*ROWS, *ALONE):
    for _target in _row.targets:
        _ROWS[_target].append(_row)
for _row, _foreign in foreign_classes():
    _ROWS[_foreign.target].append(_row)
for _name, (_layer, _) in QUANTIZED_LAYERS.items():
    _ROWS[_name] += filter(None, [by_target(_layer)])


# Classes of modules stand in these; torch has each of torch.ao's under an older name as well (names.canonical).
_HOMES = ("torch.nn.", "torch.ao.nn.", "runtime.modules.")
_OF_OTHERS = frozenset(f"torch.ao.quantization.{name}" for name in ("QuantStub", "DeQuantStub", "QuantWrapper")) | {
    *QUANTIZED_LAYERS,
    *(f.target for _, f in foreign_classes()),
}


def is_module_class(full_name: str) -> bool:
    return full_name.startswith(_HOMES) or full_name.endswith(".modules.Call") or full_name in _OF_OTHERS


def result(full_name: str, given: frozenset[str] = frozenset()) -> str:
    """What calling an object of the class gives: `tensor`, `tensors` or `unknown`.

    `given` names arguments that its constructor fixes or the call has. Where several overloads have them, and some
    give a tuple, it counts as a tensor: its members are tensors either way.
    """
    if full_name in _UNKNOWN:
        return "unknown"
    rows = _ROWS.get(full_name, [])
    having = [row for row in rows if given <= {*row.parameters, "inplace"}]
    return min((row.returns for row in having or rows), default="tensor")


def takes_number(full_name: str, parameter: str | None) -> bool:
    """Whether each operation that the class stands for, and that has such a parameter, takes a number there."""
    having = [row for row in _ROWS.get(full_name, ()) if parameter in row.parameters]
    return bool(having) and not any(parameter in row.takes_tensors_for for row in having)


def operators(full_name: str) -> frozenset[str]:
    """The operators that an object of the class stands for: called with numbers, it computes what they do."""
    names = (spelling.name for row in _ROWS.get(full_name, ()) for spelling in row.spellings)
    return frozenset(name for name in names if not name[-1].isalnum() and not name.endswith("_"))


def tells_no_more(full_name: str) -> bool:
    """Whether nothing is known of what it returns while nothing is known of its operands.

    So are the operators and methods that it stands for: an object of anybody's may have those. Whatever softmax is
    called on, as a function or as a method, is a tensor.
    """
    spellings = (spelling.name for row in _ROWS.get(full_name, ()) if not _has_layer(row) for spelling in row.spellings)
    return any(name.startswith("torch.Tensor.") or not name[0].isalnum() for name in spellings)


def _has_layer(row: Row) -> bool:
    return any(target.startswith("torch.nn.") for target in row.targets)


def is_one_operation(full_name: str) -> bool:
    """Whether the forward of a class of torch.nn is one operation, which changes values: a layer, an activation."""
    name = full_name.removeprefix("torch.nn.")
    row = _OF_TORCH.get(full_name)
    is_other = name in COMPUTE_NOTHING or name.endswith("Loss") or (row is not None and bool(row.traits & _OF_SEVERAL))
    return "." not in name and not is_other and result(full_name) == "tensor"
