"""`fix --verify`: what is about to be written is run before, beside what is there, and all must be equal.

Changes of several files hang together: a function that takes modules, and the class that makes them. So either all is
written or nothing.
"""

from __future__ import annotations

import ast
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rewriter.results import FileResult
from rewriter.verify.errors import Differs, VerifyError
from rewriter.verify.sides import NOTHING_COMPARED, both, raised_everywhere, target_of, verdict

MODELS = "MODELS"


def verify_before_writing(files: Sequence[Path], results: Iterable[FileResult]) -> None:
    """Raises Differs, and VerifyError where a model cannot be built or run."""
    changed = {result.path.resolve(): result.after for result in results if result.changed and result.failure is None}
    if not changed:
        return
    try:
        import torch  # noqa: F401  before anything is made ready
    except ImportError as error:
        raise VerifyError(
            f'--verify runs the models, and needs torch: pip install "torch-rewriter[torch]" ({error})'
        ) from error
    for cases in files:
        for target in _models_of(cases):
            with tempfile.TemporaryDirectory(prefix="rewriter-") as folder:
                _compare(target, cases.absolute(), changed, Path(folder))


def _models_of(cases: Path) -> Iterator[str]:
    """The texts of `MODELS = ["net.model:Net(3)"]`, read without running the file."""
    try:
        tree = ast.parse(cases.read_bytes())
    except OSError as error:
        raise VerifyError(f"--verify {cases}: cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise VerifyError(f"--verify {cases}: {error}") from error
    stated = [s.value for s in tree.body if isinstance(s, ast.Assign) and _names_models(s)]
    found = stated[0].elts if stated and isinstance(stated[0], ast.List | ast.Tuple) else []
    texts = [e.value for e in found if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    if not texts or len(texts) != len(found):
        raise VerifyError(f'--verify {cases}: expected a list of models in it, such as {MODELS} = ["net.model:Net(3)"]')
    yield from texts


def _names_models(statement: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == MODELS for target in statement.targets)


def _compare(target: str, cases: Path, changed: dict[Path, bytes], folder: Path) -> None:
    from rewriter.verify.child import Spec

    module, expression, roots = target_of(target)
    before = Spec(module, expression, tuple(map(str, roots)), None, (), cases, 0, None)
    layers = [_as_written(root.resolve(), changed, folder / str(number)) for number, root in enumerate(roots)]
    after = replace(before, roots=tuple(map(str, layers)), start=folder / "start.pt")
    first, second = both(before, after, folder)
    lines, differing = verdict(first["seen"], second["seen"], verbose=False)
    if differing:
        raise Differs("\n".join([f"{target}: nothing was written, since it would not compute the same:", *lines]))
    if (raised := raised_everywhere(first["seen"])) is not None:
        raise VerifyError(f"{target}: nothing was written: {NOTHING_COMPARED}: {raised}")


def _as_written(root: Path, changed: dict[Path, bytes], place: Path) -> Path:
    """A folder like the root, with the files as they would be written; everything else in it is a link."""
    place.mkdir(parents=True)
    below = [path for path in changed if path.is_relative_to(root)]
    for entry in root.iterdir():
        new = place / entry.name
        if entry in changed:
            new.write_bytes(changed[entry])
        elif any(path.is_relative_to(entry) for path in below):
            _as_written(entry, changed, new)
        else:
            _link(entry, new)
    return place


def _link(entry: Path, new: Path) -> None:
    try:
        os.symlink(entry, new)  # noqa: PTH211  reads like the copy below
    except OSError:  # Windows lets few make links
        (shutil.copytree if entry.is_dir() else shutil.copy2)(entry, new)
