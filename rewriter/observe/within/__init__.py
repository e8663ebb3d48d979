"""What runs inside of an observed process. It imports nothing beyond Python's own library, and never raises."""

from __future__ import annotations

import builtins
import json
import os
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any

from .instrument import Plans
from .main_script import watch
from .recorder import NAME, Recorder, compilers_come


def begin(folder: str) -> None:
    """Has the files of the plan compiled with calls of the recorder, as they are imported."""
    with open(os.path.join(folder, "plan.json"), encoding="utf-8") as file:
        plans = Plans(json.load(file))
    setattr(builtins, NAME, Recorder(folder, plans.count).saw)
    usual = SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> CodeType | None:
        if fullname == "torch._dynamo":  # nothing can be compiled before it is imported
            compilers_come()
        return plans.code(self.path) or usual(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    watch(plans)
