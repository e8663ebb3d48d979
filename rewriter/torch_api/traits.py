"""What an operation is to whoever computes with it: rewrites do not need it, quantization and integer kernels do."""

from __future__ import annotations

import enum


class Trait(enum.Flag):
    """Each says what holds of the values, whatever the operation is called and however it is spelled."""

    NONE = 0
    TABLE = enum.auto()
    """Element by element: with one tensor, and numbers for all else, it is a table of what becomes of each integer."""
    SUM = enum.auto()
    """The sum of two operands."""
    DIFFERENCE = enum.auto()
    """The first operand less the second."""
    PRODUCT = enum.auto()
    """The product of two operands, element by element."""
    MATMUL = enum.auto()
    """The matrix product of two operands, as `torch.matmul` has it."""
    CONTRACTION = enum.auto()
    """Sums of products of what it is given."""
    JOIN = enum.auto()
    """Each element of the result is one of its operands': together on one grid they need no arithmetic."""
    MOVE = enum.auto()
    """Each element of the result is one of its input's: it stays on the grid on which it was."""
    MAXIMUM = enum.auto()
    """The largest element of each window; where the function returns several, with the places of them."""
    FRAME = enum.auto()
    """Puts a frame around an image: of zeros, of another number or of the image's own elements, as its `mode` says."""
    RESIZE = enum.auto()
    """Another size of an image: its own elements again where its `mode` is one of the nearest ones."""
    AVERAGE = enum.auto()
    """A reduction to means: sums of integers, and a division."""
    REDUCTION = enum.auto()
    """Fewer elements, each of many."""
    ROWS = enum.auto()
    """A function of whole rows with a kernel that takes and returns integers, and computes on real numbers inside."""
    WEIGHTED = enum.auto()
    """Takes a weight that is worth quantizing: it multiplies with it, or looks up its rows."""
    NORMALIZATION = enum.auto()
    """Takes the mean or the magnitude out, of channels or of rows."""
    RECURRENT = enum.auto()
    """Runs step by step over a sequence."""
    COMPOUND = enum.auto()
    """Made of several operations, which no one sees from outside; `runtime.modules` has a twin made of parts."""
    RANDOM = enum.auto()
    """Draws random numbers: those with a parameter `training` only where that is true."""
    RECTIFIER = enum.auto()
    """Makes zero of negative numbers, and leaves the others as they are, up to a bound perhaps."""
    NOT_NEGATIVE = enum.auto()
    """Returns no negative number."""
    UNBOUNDED = enum.auto()
    """What it returns may be infinite by design, as masks are."""
    HOMOGENEOUS = enum.auto()
    """Of each channel by itself, and `f(s * x)` is `s * f(x)` for every positive s."""
