"""Private names as their class writes them: `self.__act` where the tree says `self._Net__act`."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from rewriter.emit.splice import Splice
from rewriter.python.source import Source
from rewriter.python.trees import walk


def with_short_names(source: Source, splice: Splice) -> Splice:
    """The same where the new text has no such name; a name in quotes is no attribute that Python would spell out."""
    if "__" not in splice.new:
        return splice
    classes = [node for node in walk(source.tree) if isinstance(node, ast.ClassDef)]
    around = [c for c in classes if source.start(c) <= splice.start <= source.end(c)]
    if not around:
        return splice
    innermost = max(around, key=source.start)
    return replace(splice, new=re.sub(rf"(?<=\.)_{innermost.name.lstrip('_')}(?=__\w)", "", splice.new))
