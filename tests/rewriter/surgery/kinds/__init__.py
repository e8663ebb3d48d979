"""All kinds of surgery, by their names."""

from tests.rewriter.surgery.kinds import containers, copies, hooks, loops, parameters, replacing, settings, tools  # noqa: F401
from tests.rewriter.surgery.kinds.kind import KINDS, Original, Surgery

__all__ = ["KINDS", "Original", "Surgery"]
