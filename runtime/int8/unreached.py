"""Ways through a model that its example has not taken: codes that go there have no known scale.

What a function with such a way might send there is in floating point: the modules whose codes come into its hands give
their results so, and whoever takes these next puts them back, to the same codes. A compiled program does neither. A
module that stays in floating point and did not run refuses codes, should any come there all the same.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from runtime.int8.counterparts.base import Int8Module
from runtime.int8.refusal import Unreached
from runtime.int8.watching import Watch, watched
from runtime.modules.kept_state import keeping_state
from runtime.quantization.adjacency import call
from runtime.quantization.fusion import Absorbed


def guard_unreached(model: nn.Module, example: Any) -> None:
    """Runs a converted model once, for what it leaves out."""
    leaves = {
        name: module
        for name, module in model.named_modules()
        if not any(module.children()) and not isinstance(module, (Int8Module, Absorbed))
    }
    called: set[nn.Module] = set()
    hooks = [module.register_forward_pre_hook(lambda module, _: called.add(module)) for module in leaves.values()]
    try:
        watch = _watched_run(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    for name, module in leaves.items():
        if module not in called:
            module.register_forward_pre_hook(Unreached(name), with_kwargs=True)
    for function in watch.functions.values():
        way = function.left_out() if function.sources else ""
        for source in function.sources if way else ():
            source.give_real_numbers(f"{way}, which the example did not take", way)


def _watched_run(model: nn.Module, example: Any) -> Watch:
    """The first in which all get what they can take; before, modules learn to return real numbers or ordered codes."""
    while True:
        failure = None
        with torch.no_grad(), keeping_state(model), watched(model) as watch:
            try:
                watch.results(call(model, copy.deepcopy(example)))
            except Exception as error:
                failure = error
        if not _learnt(watch):
            if failure is not None:
                raise failure
            return watch


def _learnt(watch: Watch) -> bool:
    """Whether a module returns its codes otherwise now."""
    real = {module: why for module, why in watch.misplaced.items() if not module.float_output}
    ordered = [module for module in watch.ordered if not (module.in_order or module.float_output)]
    for module, why in real.items():
        module.give_real_numbers(why)
    for module in ordered:
        module.in_order = True
    return bool(real or ordered)
