"""Rewrites the bundled model, shows the diff, and compares the two models run for run."""

from __future__ import annotations

import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch

from rewriter.cli import main

MODEL = Path(__file__).parent.parent / "fixtures" / "models" / "basic_module.py"


def load(path: Path, name: str) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(original: torch.nn.Module, rewritten: torch.nn.Module, x: torch.Tensor) -> None:
    """Same outputs in eval and train, same gradients, same keys: bit for bit, or an AssertionError."""
    rewritten.load_state_dict(original.state_dict(), strict=True)
    for mode in (False, True):
        results = []
        for model in (original.train(mode), rewritten.train(mode)):
            torch.manual_seed(0)
            model.zero_grad()
            out = model(x)
            out.sum().backward()
            results.append((out, [p.grad for p in model.parameters()]))
        (out, grads), (new_out, new_grads) = results
        assert torch.equal(out, new_out), "outputs differ"
        assert all(torch.equal(a, b) for a, b in zip(grads, new_grads, strict=True)), "gradients differ"
        print(f"{'train' if mode else 'eval'}: outputs and gradients are equal, bit for bit")
    assert list(original.state_dict()) == list(rewritten.state_dict())
    print(f"state_dict: the same {len(original.state_dict())} keys")


def demo() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / MODEL.name
        copy.write_bytes(MODEL.read_bytes())
        print(f"$ rewriter fix --diff {MODEL.name}\n", flush=True)
        main(["fix", "--isolated", "--diff", str(copy)])
        print(f"\n$ rewriter fix {MODEL.name}\n", flush=True)
        if main(["fix", "--isolated", str(copy)]) != 0:
            return 1
        torch.manual_seed(0)
        original = load(MODEL, "original").BasicModule(3, 3, 1)
        rewritten = load(copy, "rewritten").BasicModule(3, 3, 1)
        print("\nThe two models, side by side:\n")
        compare(original, rewritten, torch.randn(2, 3, 8, 8))
        added = [name for name, _ in rewritten.named_children() if name not in dict(original.named_children())]
        print(f"modules a quantizer can see now: {', '.join(added)}")
    return 0


if __name__ == "__main__":
    sys.exit(demo())
