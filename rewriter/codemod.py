"""The rewriter as one of LibCST's codemods, for teams that run all of theirs so.

    python -m libcst.tool codemod -x --no-format rewriter.codemod.Prepare PATH

`-x` takes a name that no .libcst.codemod.yaml lists. Each file is judged by the folder that it stands in, with the
settings of the nearest pyproject.toml.
"""

from __future__ import annotations

from pathlib import Path

import libcst as cst
from libcst.codemod import CodemodContext, SkipFile, VisitorBasedCodemodCommand

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.settings import load


class Prepare(VisitorBasedCodemodCommand):
    """Makes every operation a module that a quantizer can see."""

    DESCRIPTION = "Rewrites PyTorch model source so that every operation is a module that a quantizer can see."

    def __init__(self, context: CodemodContext) -> None:
        super().__init__(context)
        assert context.filename is not None
        self.path = Path(context.filename)

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        settings = load(None, False, [self.path])
        result = rewrite(tree.bytes, self.path, settings, Project.for_paths([self.path.parent]))
        if result.failure is not None:
            raise SkipFile(f"{self.path}: {result.failure.message}")
        for refusal in result.refusals:
            self.warn(f"{self.path}:{refusal.span.line}: {refusal.code} left: {refusal.message}")
        return cst.parse_module(result.after) if result.changed else tree
