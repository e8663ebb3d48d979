"""The same operations as `runtime.kernels.reference`, computed by the shared library of source/."""

from collections.abc import Callable
from typing import Any

from runtime.kernels import reference
from runtime.kernels.native.convolution import *  # noqa: F403
from runtime.kernels.native.linear import *  # noqa: F403
from runtime.kernels.native.normalization import *  # noqa: F403
from runtime.kernels.native.plain import plain
from runtime.kernels.native.pointwise import *  # noqa: F403
from runtime.kernels.native.pooling import *  # noqa: F403
from runtime.kernels.native.recurrent import *  # noqa: F403
from runtime.kernels.native.scales import *  # noqa: F403
from runtime.kernels.native.wide import *  # noqa: F403


def __getattr__(name: str) -> Callable[..., Any]:
    """What no file defines treats every element alike."""
    if name.startswith("_") or not hasattr(reference, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = plain(name, getattr(reference, name))
    return made
