"""Which function a call runs, and on which object."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.python.code import Class, Function


@dataclass(frozen=True, slots=True)
class Target:
    """A function that a call runs, and the object that it runs on."""

    function: Function
    cls: Class | None = None
    """The class of the object; None for a function that is given none."""
    own: bool = True
    """The object is the one whose method makes the call."""
    is_plain: bool = False
    """The object is not a module."""
    again: bool = False
    """It runs on modules of its own: `self.again(self.mix)(x)`."""
    is_given: bool = False
    """The object is among the arguments, as in `Base.name(self, x)`."""
