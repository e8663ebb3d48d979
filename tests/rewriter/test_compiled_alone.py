"""Functions that TorchScript compiles, and those that they call: they can take no modules. Imported and run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.rewriter.executed import HEADER, assert_equal_models, rewritten

SOURCE = """

def one_hot(x, size: int):
    return torch.zeros(x.shape[0], size) + x


def loss(x, y):
    return one_hot(x, 4) * y


def twice(x):
    return x * 2


def free(x):
    return x * 3


@torch.jit.script
def scaled(x):
    return twice(x) + 1


{compiled}


class Net(nn.Module):
    def forward(self, x):
        return loss_jit(x, x) + one_hot(x, 4) + scaled(x) + free(x) + loss(x, x)
"""


def imported(path: Path, source: bytes) -> ModuleType:
    """The compiler reads what it compiles from a file."""
    path.write_bytes(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "compiled", ["loss_jit = torch.jit.script(loss)", "from torch.jit import script\nloss_jit = script(loss)"]
)
def test_what_a_compiled_function_calls_is_compiled_with_it(tmp_path: Path, compiled: str) -> None:
    result = rewritten(HEADER + SOURCE.format(compiled=compiled))
    after = result.after.decode()
    assert "def one_hot(x, size: int):\n    return torch.zeros(x.shape[0], size) + x" in after
    assert "def twice(x):\n    return x * 2" in after
    assert "def free(x, *, ops" in after
    reasons = [r.message for r in result.refusals if "one_hot" in r.message or "twice" in r.message]
    assert reasons and all("is compiled by torch.jit.script" in reason for reason in reasons)
    models = [imported(tmp_path / f"{n}.py", s).Net() for n, s in (("one", result.before), ("two", result.after))]
    assert_equal_models(*models, torch.randn(4, 4))
