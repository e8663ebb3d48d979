"""Whole files as a maintainer would see them: the diffs under fixtures/torchvision and fixtures/golden.

Each shows another kind of code: `resnet` re-used modules and `+=`, `densenet` a container, a closure and checkpointing,
`swin_transformer` functions outside of classes; `rotary_attention` what `map` runs, a list that a function picks from,
and comments in calls, in a style of its own; `statistics_pooling` a nested function that is called again, a function
that branches define, and layers that methods build. `python -m tests.rewriter.test_golden` writes them anew.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from rewriter.engine import rewrite
from rewriter.python.project import Project
from rewriter.report.diff import patch
from rewriter.results import FileResult
from rewriter.settings import Settings
from runtime.inspect import check_prepared
from tests.rewriter.executed import assert_equal_models, load

GOLDEN = Path(__file__).parents[2] / "fixtures" / "torchvision"
NAMES = ("densenet", "resnet", "swin_transformer")
X = torch.randn(2, 3, 8)
RUN = {
    "rotary_attention": ("Transformer", (8, 4, 0.5), (X, torch.randn(3, 2), torch.randn(3, 2))),
    "statistics_pooling": ("Pooling", (8,), (X,)),
}
PROGRAMS = sorted((GOLDEN.parent / "golden").glob("*.py"))


def package() -> Path:
    """Where torchvision is installed; it need not be importable."""
    found = importlib.util.find_spec("torchvision")
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.for_paths([package()])


def diff(name: str, project: Project) -> str:
    path = package() / "models" / f"{name}.py"
    result = rewrite(path.read_bytes(), path, Settings(isolated=True), project)
    assert result.failure is None, result.failure
    shown = FileResult(Path("torchvision/models") / path.name, result.before, result.after)
    return patch([shown]).decode()


@pytest.mark.parametrize("name", NAMES)
def test_the_diff_is_the_one_that_was_reviewed(name: str, project: Project) -> None:
    assert diff(name, project) == (GOLDEN / f"{name}.diff").read_text()


def diff_of_program(path: Path) -> str:
    result = rewrite(path.read_bytes(), path, Settings(isolated=True))
    assert result.failure is None, result.failure
    return patch([FileResult(Path(path.name), result.before, result.after)]).decode()


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_diff_of_a_program_is_the_one_that_was_reviewed(path: Path) -> None:
    assert diff_of_program(path) == path.with_suffix(".diff").read_text()


@pytest.mark.parametrize("name", RUN)
def test_a_program_computes_what_it_did(name: str) -> None:
    cls, arguments, inputs = RUN[name]
    path = GOLDEN.parent / "golden" / f"{name}.py"
    result = rewrite(path.read_bytes(), path, Settings(isolated=True))
    models = []
    for source in (result.before, result.after):
        torch.manual_seed(0)
        models.append(load(source)[cls](*arguments))
    assert_equal_models(*models, *inputs)
    found = check_prepared(models[1].eval(), *inputs)
    assert not found.repeated and not found.raw, found


if __name__ == "__main__":
    for program in PROGRAMS:
        program.with_suffix(".diff").write_text(diff_of_program(program))
    for wanted in NAMES:
        (GOLDEN / f"{wanted}.diff").write_text(diff(wanted, Project.for_paths([package()])))
