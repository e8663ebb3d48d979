"""Which implementation serves: the fastest that runs here, or the one that RUNTIME_KERNELS names."""

import os
from types import ModuleType

from runtime.kernels import native, reference
from runtime.kernels.native import library
from runtime.user_line import warn

VARIABLE = "RUNTIME_KERNELS"
REFERENCE = "reference"

_selected = ""


def available() -> tuple[str, ...]:
    """What can be selected here, from the plainest to the fastest."""
    return (REFERENCE, *library.runnable())


def selected() -> str:
    """The name of the implementation that serves; decided at the first call."""
    if not _selected:
        asked = os.environ.get(VARIABLE)
        select(asked or _default())
        if asked == REFERENCE:
            warn(
                f"{VARIABLE} chooses the int8 kernels' reference in torch, which is many times slower than floating "
                "point: for anything but comparisons, unset it"
            )
    return _selected


def select(name: str) -> None:
    """Lets the implementation of that name serve from now on, in every thread."""
    global _selected
    native_library = library.load() if name != REFERENCE else None  # who wants the reference waits for no compiler
    if name != REFERENCE and not (native_library is not None and native_library.rk_select(name.encode())):
        reason = "this processor does not run it" if native_library is not None else "no native kernels were built"
        raise ValueError(f"there are no kernels {name!r} here ({reason}); {VARIABLE} may be {', '.join(available())}")
    _selected = name


def implementation() -> ModuleType:
    """The module whose functions serve: `reference` or `native`."""
    return reference if selected() == REFERENCE else native


def _default() -> str:
    return available()[-1]
