"""The program's own file, which Python runs without importing it.

Before it does so, it asks whether somebody on `sys.path_hooks` has another way to run the file, as there is for a zip
archive. For an observed file there is: the same code with calls of the recorder, in the same `__main__`, with the same
names and the same path, and with the same end.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, TracebackType
from typing import Any

from .instrument import Plans

_NAME = "__rewriter_main__"
"""What the instrumented file calls when it begins and when an exception leaves it."""


def watch(plans: Plans) -> None:
    if any(plans.has(argument) for argument in sys.orig_argv[1:]):
        sys.path_hooks.append(_Hook(plans))


class _Hook:
    def __init__(self, plans: Plans) -> None:
        self.plans = plans

    def __call__(self, path: str) -> _Finder:
        """Python asks before there is any code; runpy and others are left to what they do."""
        tree = None if _is_called_by_code() else self.plans.tree(path)
        if tree is None:
            raise ImportError(path)
        sys.path_hooks.remove(self)
        return _Finder(_Loader(path, compile(_guarded(tree), path, "exec", dont_inherit=True)))


def _is_called_by_code() -> bool:
    try:
        sys._getframe(2)  # behind this function and the hook
    except ValueError:
        return False
    return True


class _Finder:
    def __init__(self, loader: _Loader) -> None:
        self.loader = loader

    def find_spec(self, name: str, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self.loader, origin=self.loader.path) if name == "__main__" else None  # type: ignore[arg-type]


class _Loader:
    """The runner of modules asks it for the code, and for nothing else."""

    def __init__(self, path: str, code: CodeType) -> None:
        self.path = path
        self.code = code

    def get_code(self, name: str) -> CodeType:
        sys.path_importer_cache.pop(self.path, None)
        if sys.path[:1] == [self.path]:
            is_safe = getattr(sys.flags, "safe_path", False)
            sys.path[:1] = [] if is_safe else [os.path.dirname(os.path.realpath(self.path))]
        setattr(builtins, _NAME, self)
        return self.code

    def begins(self, names: dict[str, Any]) -> None:
        names.update(
            __file__=self.path, __loader__=SourceFileLoader("__main__", self.path), __spec__=None, __package__=None
        )
        if "__cached__" in names:
            names["__cached__"] = None

    def leaves(self) -> None:
        """Whoever is told of the exception sees no more of a traceback than without us."""
        usual = sys.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            sys.excepthook = usual
            error.__traceback__ = trace = self._own(trace)
            sys.last_traceback = trace
            usual(kind, error, trace)

        sys.excepthook = hook

    def _own(self, trace: TracebackType | None) -> TracebackType | None:
        while trace is not None and trace.tb_frame.f_code is not self.code:
            trace = trace.tb_next
        return trace


def _guarded(tree: ast.Module) -> ast.Module:
    """The file, which says when it begins and when an exception leaves it."""
    first = next((i for i, statement in enumerate(tree.body) if not _comes_first(statement, i)), len(tree.body))
    body = tree.body[first:]
    if not body:
        return tree
    handler = f"try:\n    pass\nexcept BaseException:\n    {_NAME}.leaves()\n    raise"
    begins, guard = ast.parse(f"{_NAME}.begins(globals())\n{handler}").body
    assert isinstance(guard, ast.Try)
    for node in ast.walk(guard):
        if hasattr(node, "lineno"):
            ast.copy_location(node, body[-1])
    for node in ast.walk(begins):
        if hasattr(node, "lineno"):
            ast.copy_location(node, body[0])
    guard.body = body
    tree.body[first:] = [begins, guard]
    return tree


def _comes_first(statement: ast.stmt, place: int) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return (is_text and place == 0) or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")
