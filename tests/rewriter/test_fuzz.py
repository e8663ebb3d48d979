"""Generated programs behave the same before and after; the fuzzer itself finds what it should find."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rewriter.results import FileResult
from tests.bench.fuzz import trial
from tests.bench.fuzz.campaign import judged
from tests.bench.fuzz.layouts import alone, generated
from tests.bench.fuzz.minimize import minimized
from tests.bench.fuzz.piece import CONSTRUCTS
from tests.bench.fuzz.program import Program
from tests.bench.fuzz.record import record
from tests.rewriter.test_kills import ROOT, assert_nobody_is_left

PLANTED = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        y = self.fc(x)
        for i in range(2):
            y = y + i
        return torch.{}(y) + x

def inputs():
    return (torch.ones(3, 4),), {{}}

def make():
    return Net()
"""


# A whole model that was pickled before the rewrite lacks what the new class makes in __init__.
DOCUMENTED = ("older pickle",)
# A list of modules for turns or calls is indexed by a variable, and a public method told its call by a function of any
# arguments: TorchScript takes neither.
NOT_SCRIPTED = ("indexing is only supported with integer literals", "functions can't take variable number of arguments")


@pytest.mark.parametrize("seed", range(40))
def test_generated_programs_stay_the_same(seed: int) -> None:
    program = generated(seed)
    outcome = judged(seed, (), DOCUMENTED)
    assert not outcome.is_fault or any(why in f"{outcome.where}{outcome.detail}" for why in NOT_SCRIPTED), (
        f"{outcome.where}\n{outcome.detail}\n{program.listing()}"
    )


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_each_construct_makes_programs_that_run(name: str, tmp_path: Path) -> None:
    program = alone(name, 1)
    found = record(program.put(tmp_path), program)
    assert found.built, found.seen


def test_the_same_seed_makes_the_same_program() -> None:
    assert generated(11) == generated(11) != generated(12)


def test_a_planted_difference_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rewriter that writes another function: the loop and the layer are taken out of what is reported."""

    def faulty(places: Any, given: Any) -> list[FileResult]:
        path = places.run / "model.py"
        before = path.read_bytes()
        path.write_bytes(before.replace(b"torch.relu(", b"torch.tanh("))
        return [FileResult(path, before, path.read_bytes())]

    monkeypatch.setattr(trial, "_rewritten", faulty)
    program = Program({"model.py": PLANTED.format("relu")})
    outcome = trial.tried(program)
    assert outcome.kind == "differs" and outcome.where == "eval value 'result'", outcome
    small = minimized(program, outcome).files["model.py"]
    assert "torch.relu(" in small and "Linear" not in small and "for i" not in small
    assert len(ast.parse(small).body) == 5


def test_programs_whose_original_changes_from_run_to_run_are_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PLANTED.format("relu").replace(
        "return Net()", "import time; m = Net(); m.register_buffer('t', torch.tensor(time.time_ns())); return m"
    )
    assert trial.tried(Program({"model.py": text})).where == "not deterministic"


@pytest.mark.parametrize(
    ("made", "where"),
    [("raise ValueError('no')", "build"), ("return (", "syntax"), ("while True: pass", "time: the original")],
)
def test_programs_that_cannot_be_built_are_discarded(made: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 2)
    program = Program({"model.py": PLANTED.format("relu").replace("return Net()", made)})
    outcome = trial.tried(program)
    assert (outcome.kind, outcome.where) == ("discarded", where)


def test_the_random_state_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    program = alone("control.line", 1)
    record(program.put(tmp_path), program)
    assert torch.equal(torch.rand(1), expected)


BUSY_WORKER = """\
import time
from tests.bench.fuzz.__main__ import pool

workers = pool(1)
workers.submit(time.sleep, 0).result()
print("at work", flush=True)
workers.submit(time.sleep, 60).result()
"""


def test_workers_end_with_the_process_that_started_them() -> None:
    command = [sys.executable, "-c", BUSY_WORKER]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdout.readline() == b"at work\n"
        running.kill()
    assert_nobody_is_left(running.pid)
