"""The kernels as torch operators `torch.ops.runtime_int8.*`: checked, dispatched, and traceable.

Every operator has a fake implementation, so that torch.compile and torch.export see through shapes, also dynamic ones.
"""

from typing import Any

from runtime.kernels.native.plain import takes_rows
from runtime.kernels.operators.linear import *  # noqa: F403
from runtime.kernels.operators.normalization import *  # noqa: F403
from runtime.kernels.operators.plain import plain_names as _plain_names
from runtime.kernels.operators.plain import plain_operator as _plain_operator
from runtime.kernels.operators.pointwise import *  # noqa: F403
from runtime.kernels.operators.pooling import *  # noqa: F403
from runtime.kernels.operators.recurrent import *  # noqa: F403
from runtime.kernels.operators.wide import *  # noqa: F403

_PLAIN = {name: _plain_operator(name) for name in _plain_names(globals())}

PLAIN = frozenset(_PLAIN)
"""Those that treat every element alike, or every row, which no file here defines."""
ROWS = frozenset(filter(takes_rows, PLAIN))
"""Those of rows, along the last dimension."""


def __getattr__(name: str) -> Any:
    if name in _PLAIN:
        return _PLAIN[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
