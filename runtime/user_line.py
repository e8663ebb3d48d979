"""Warnings that point to the line of the user's program that led to them, however many of our calls lie between."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path
from types import FrameType

import torch

_OURS = tuple(f"{Path(file).parent}/" for file in (__file__, torch.__file__))


def warn(message: str) -> None:
    """A warning at the nearest frame that is neither this package's nor torch's."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and _is_between(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _is_between(file: str) -> bool:
    return file.startswith(_OURS) or file == contextlib.__file__
