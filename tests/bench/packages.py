"""Single files of packages, without the rest of the package and what that needs."""

from __future__ import annotations

import importlib.util
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

import torch


def namespace(site: Path, name: str) -> Any:
    """A package whose files are found and whose own code does not run; files of an earlier site are forgotten."""
    for known in [known for known in sys.modules if known.startswith(name + ".")]:
        del sys.modules[known]
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [str(site / name.replace(".", "/"))]
    return package


def module_of(site: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, site / f"{name.replace('.', '/')}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@cache
def torchvision_as_source() -> None:
    """Lets a torchvision be imported that has only its Python source: it asks for operators as soon as it is imported."""
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
