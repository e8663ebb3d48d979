"""Where torch is not installed, the tests that need none still run: those of the linter."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).parent
_NEEDING_TORCH = ("torch", "runtime", "rewriter.verify", "selenium")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@cache
def _needs_torch(path: Path) -> bool:
    """Whether the file imports it, or another file of the tests does for it."""
    names = _imports(path)
    if any(name == needed or name.startswith(f"{needed}.") for name in names for needed in _NEEDING_TORCH):
        return True
    beside = (_HERE.parent / f"{name.replace('.', '/')}.py" for name in names if name.startswith("tests."))
    return any(_needs_torch(file) for file in beside if file.is_file())


_STARTING_IT = ["test_documentation.py", "docs", "rewriter/test_observe.py", "rewriter/test_golden.py"]
"""What starts programs that import it, or reads the source of torchvision."""

collect_ignore = []
if not find_spec("torch"):
    collect_ignore = ["runtime", *_STARTING_IT, *(str(path) for path in _HERE.rglob("test_*.py") if _needs_torch(path))]
