"""LibCST's own command runs the rewriter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"


def test_the_codemod_writes_what_fix_writes(tmp_path: Path) -> None:
    files = [tmp_path / "codemod" / "model.py", tmp_path / "fix" / "model.py"]
    for file in files:
        file.parent.mkdir()
        file.write_text(MODEL)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    codemod = [sys.executable, "-m", "libcst.tool", "codemod", "-x", "--no-format"]
    codemod += ["rewriter.codemod.Prepare", str(files[0])]
    fix = [sys.executable, "-m", "rewriter", "fix", str(files[1])]
    for command in (codemod, fix):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert files[0].read_text() == files[1].read_text() != MODEL
