"""A program that is called like the model that it was made from."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_leaves, tree_structure, tree_unflatten

from runtime import kernels
from runtime.int8.allowance import Allowance
from runtime.int8.plan import Plan, Timing
from runtime.int8.program import Program, Step
from runtime.int8.slices import BUDGET, cut, joined, separable
from runtime.int8.trees import Tree, packed, unpacked
from runtime.quantization.inputs import door, explained, lone
from runtime.user_line import warn

PLANS = 16
"""How many shapes a model keeps plans for; the one that was not used for longest goes first."""
_REFERENCE = "reference"
_NOT_FOR_OTHERS = (
    "a compiled model has its own form: keep it with runtime.int8.save. torch.export and torch.jit.trace take what "
    "runtime.int8.convert returns"
)


class CompiledModel(nn.Module):
    """Runs a program, with a plan for each shape of the inputs; any number of threads may call it at once.

    Where the model was no flat program, and for inputs that the program does not take, the converted model runs;
    `reason` says why, and is empty where the program runs. `fixed` says why it takes one size of batch only, and is
    empty where it takes any.

    A large batch runs as small ones, one after another, where no part of it has to do with another: then activations
    stay in the caches, and take no more memory.

    It is a module for whoever evaluates it: always in eval mode, on the CPU, in the types it was made with. What pickle
    and `copy` make of it is what a file would hold: the program alone.
    """

    def __init__(
        self,
        program: Program | None,
        model: nn.Module | None = None,
        reason: str = "",
        fixed: str = "",
        result_spec: TreeSpec | None = None,
    ) -> None:
        super().__init__()
        self.training = False
        self.program = program
        self.result_spec = result_spec
        self.model = model
        self.reason = reason
        self.fixed = fixed
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._lock = threading.Lock()
        self._said_slow = False
        self._at_once: dict[str, int | None] = {}
        """How many of a batch run together, with each set of kernels; None is all of them."""

    def __prepare_scriptable__(self) -> nn.Module:
        raise TypeError(_NOT_FOR_OTHERS)

    def forward(self, *args: Any, **named: Any) -> Any:
        if torch.compiler.is_exporting() or torch._C._get_tracing_state() is not None:
            raise TypeError(_NOT_FOR_OTHERS)
        return self._run(packed(args, named), None)

    def train(self, mode: bool = True) -> CompiledModel:
        """A program has one mode."""
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> CompiledModel:
        moved = fn(torch.zeros(1))
        if moved.device.type != "cpu" or moved.dtype != torch.float32:
            raise TypeError(
                f"a compiled model runs on the CPU, in the types it was made with; it cannot be moved to "
                f"{moved.device}, {moved.dtype}"
            )
        return self

    def extra_repr(self) -> str:
        if self.program is None:
            return f"no program: {self.reason}"
        steps = sum(1 + (len(op.body.ops) if op.body is not None else 0) for op in self.program.ops)
        held = sum(tensor.nbytes for tensor in self.program.tensors())
        return f"{steps} operations, {held / 1e6:.2f} MB, {'one size of batch' if self.fixed else 'any batch'}"

    def profile(self, *args: Any, **named: Any) -> list[Timing]:
        """How long each step of one run takes."""
        if self.program is None:
            raise RuntimeError(f"only a program can be profiled, and the model is none: {self.reason}")
        timings: list[list[Timing]] = []
        self._run(packed(args, named), timings)
        return _added(timings)

    def memory(self, *args: Any, **named: Any) -> int:
        """Bytes for activations that a run with these arguments needs."""
        return max(self._plan(part).bytes for part in self._parts(self._tensors(packed(args, named))))

    def _run(self, arguments: tuple[Any, ...], timings: list[list[Timing]] | None) -> Any:
        if self.program is None:
            return self._by_modules(arguments, "what it is called with")
        tensors = self._tensors(arguments)
        mismatch = self.program.mismatch(tensors)
        if mismatch:
            if self.model is None:
                raise ValueError(f"the program was compiled for other inputs: {mismatch}")
            results = self._by_modules(arguments, f"this ({mismatch})")
            self._say_slow(mismatch)
            return results
        if kernels.selected() == _REFERENCE:
            return self._in_its_types(self.program.interpret(tensors, self._around))
        made = [self._run_part(part, timings) for part in self._parts(tensors)]
        if len(made) == 1:
            return self._in_its_types(made[0])
        leaves = zip(*(tree_leaves(part) for part in made), strict=True)
        return self._in_its_types(tree_unflatten([joined(parts) for parts in leaves], tree_structure(made[0])))

    def _by_modules(self, arguments: tuple[Any, ...], what: str) -> Any:
        assert self.model is not None
        with (
            door("the compiled model"),
            explained(self.model, lone(arguments), what),
        ):
            return results_of(self.model, arguments)

    def _say_slow(self, mismatch: str) -> None:
        """Once."""
        if self._said_slow:
            return
        self._said_slow = True
        assert self.program is not None and self.model is not None
        model = self.model
        sizes = [[2 if size is None else size for size in given.sizes] for given in self.program.inputs]
        zeros = [torch.zeros(size, dtype=given.dtype) for size, given in zip(sizes, self.program.inputs, strict=True)]
        arguments = self.program.arguments.build(lambda number: zeros[number])
        args, named = unpacked(arguments)
        slow, fast = _seconds(lambda: results_of(model, arguments)), _seconds(lambda: self(*args, **named))
        why = f", as {self.fixed}" if self.fixed else ""
        warn(
            f"these inputs do not run as a program but module by module, which takes {slow / fast:.1f} times as long: "
            f"{mismatch}{why}. Make a second program for them, other = "
            "runtime.int8.compile(converted, these), and call that"
        )

    def _in_its_types(self, result: Any) -> Any:
        """A result in the model's own types of tuples and dicts, where these are known; no file holds them."""
        return result if self.result_spec is None else tree_unflatten(tree_leaves(result), self.result_spec)

    def _run_part(self, tensors: Sequence[Tensor], timings: list[list[Timing]] | None) -> Any:
        if timings is None:
            return self._plan(tensors).run(tensors, None)
        timings.append([])
        return self._plan(tensors).run(tensors, timings[-1])

    def _parts(self, tensors: list[Tensor]) -> list[list[Tensor]]:
        """The batch, or small ones in its place."""
        assert self.program is not None
        batch = tensors[0].shape[0] if tensors and tensors[0].dim() else 1
        if batch < 2:
            return [tensors]
        kernel_set = kernels.selected()
        if kernel_set not in self._at_once:
            apart = separable(self.program)
            self._at_once[kernel_set] = BUDGET // max(self._plan([x[:1] for x in tensors]).bytes, 1) if apart else None
        at_once = self._at_once[kernel_set]
        return [tensors] if at_once is None else [[x[part] for x in tensors] for part in cut(batch, at_once)]

    def _around(self, step: Step) -> Step:
        """Nobody has seen a program run that came out of a file."""
        return step if self.model is not None else Allowance().around(step)

    def _tensors(self, arguments: tuple[Any, ...]) -> list[Tensor]:
        """The arguments' tensors, in the program's order."""
        assert self.program is not None
        found: list[Any] = []
        given = Tree.of(arguments, lambda leaf: found.append(_apart(leaf)))
        expected = self.program.arguments
        if given.map(lambda _: None) != expected.map(lambda _: None) or not all(isinstance(x, Tensor) for x in found):
            wanted = expected.build(lambda number: f"tensor {number}")
            shown = Tree.of(arguments, lambda leaf: type(leaf).__name__).build(str)
            raise TypeError(f"the program takes {wanted}, not {shown}")
        return found

    def _plan(self, tensors: Sequence[Tensor]) -> Plan:
        assert self.program is not None
        key = (kernels.selected(), *((x.shape, x.stride()) for x in tensors))
        with self._lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = Plan(self.program, tensors, self._around)
                if len(self._plans) > PLANS:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
        return plan


def _added(parts: list[list[Timing]]) -> list[Timing]:
    """The parts of a batch together, where their steps are the same."""
    if len({tuple((timing.layer, timing.op) for timing in part) for part in parts}) > 1:
        return [timing for part in parts for timing in part]
    return [
        Timing(same[0].layer, same[0].op, sum(timing.nanoseconds for timing in same))
        for same in zip(*parts, strict=True)
    ]


def _apart(leaf: Any) -> Any:
    """A tensor whose elements each have memory of their own, without gaps."""
    overlapping = isinstance(leaf, Tensor) and torch._debug_has_internal_overlap(leaf)
    return leaf.contiguous() if overlapping else leaf


def _seconds(run: Callable[[], object]) -> float:
    """The shorter of two runs."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def results_of(model: nn.Module, arguments: tuple[Any, ...]) -> Any:
    args, named = unpacked(arguments)
    with torch.no_grad():
        return model(*args, **named)
