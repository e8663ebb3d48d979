"""From a converted model to a program, by way of torch.export."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, default_decompositions, export
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node
from torch.utils._pytree import TreeSpec, tree_leaves, tree_unflatten

from runtime.int8.loops import noted, walk
from runtime.int8.program import ACTIVATIONS, LOOP, NAMESPACE, Constant, Input, Op, Program, Ref, function_of
from runtime.int8.trees import Tree, is_plain, plain, unpacked

_IGNORED = {"device", "layout", "pin_memory"}
"""Keyword arguments that say what is always so here: dense tensors on the CPU."""
_ASSERTIONS = {"_assert_scalar", "_assert_tensor_metadata", "_assert_async", "sym_constrain_range_for_size"}


class CaptureError(RuntimeError):
    """A model that is not a flat program; the message says why."""


class Captured(NamedTuple):
    program: Program
    result_spec: TreeSpec | None
    """How results are put into tuples and dicts of the model's own types; None where it has none."""


class _Named(nn.Module):
    """A model whose last arguments are passed on by name: torch.export knows by their place which sizes are open."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self._model, self._names = model, names

    def forward(self, *arguments: Any) -> Any:
        first = len(arguments) - len(self._names)
        return self._model(*arguments[:first], **dict(zip(self._names, arguments[first:], strict=True)))


def capture(model: nn.Module, arguments: tuple[Any, ...], dynamic_batch: bool) -> Captured:
    """What `model` computes for these arguments: tensors, and tuples, lists or dicts of them.

    With a dynamic batch the first size of every tensor is the batch; it must be two or more in `arguments`.
    """
    tensors: list[Tensor] = []

    def numbered(leaf: Any) -> int:
        if not isinstance(leaf, Tensor):
            raise CaptureError(f"its arguments must be tensors, and tuples, lists or dicts of them, not {leaf!r}")
        tensors.append(leaf)
        return len(tensors) - 1

    try:
        tree = Tree.of(arguments, numbered)
        args, named = unpacked(arguments)
        if named:
            model, arguments = _Named(model, tuple(named)), (*args, *named.values())
        batch = Dim("batch", min=1)
        open_sizes = Tree.of(arguments, lambda _: {0: batch} if dynamic_batch else {})
        shapes = open_sizes.build(lambda leaf: leaf)
        with torch.no_grad(), warnings.catch_warnings(), noted() as bodies:
            warnings.simplefilter("ignore", FutureWarning)  # torch.export warns of what it does itself
            exported = export(model, arguments, dynamic_shapes=(shapes,) if _takes_any(model) else shapes)
            exported = exported.run_decompositions(_decompositions())
        return _Lowering(exported, tree, tensors, dynamic_batch, bodies).captured()
    except CaptureError:
        raise
    except Exception as error:  # torch.export has no type of its own for what it cannot follow
        raise CaptureError(f"torch.export cannot follow it: {_first_line(error)}") from error


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """To core operations, but not where torch's way there goes by the layout, sums in another order or takes longer."""
    table: Any = default_decompositions()
    kept = (torch.ops.aten.adaptive_avg_pool2d.default, torch.ops.aten.linear.default)
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default

    def laid_out(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """As the kernel lays its result out: torch's decomposition returns another order, which views may not allow."""
        result, sums = table[attention](*args, **kwargs)
        return result.transpose(1, 2).contiguous().transpose(1, 2), sums

    others = {f: how for f, how in table.items() if f not in kept and f._opname not in ACTIVATIONS}
    return {**others, attention: laid_out}


def _takes_any(model: nn.Module) -> bool:
    """Whether forward is (*args): its arguments are then one tuple to torch.export."""
    return bool(model.forward.__code__.co_flags & 0x04) and model.forward.__code__.co_argcount <= 1


class _Lowering:
    """One pass over the exported graph."""

    def __init__(
        self,
        exported: ExportedProgram,
        arguments: Tree,
        inputs: Sequence[Tensor],
        dynamic: bool,
        bodies: Sequence[nn.Module],
    ) -> None:
        self.exported, self.arguments, self.dynamic, self.bodies = exported, arguments, dynamic, bodies
        self.inputs = [Input(x.dtype, _sizes(x, dynamic)) for x in inputs]
        self.constants: list[Tensor] = []
        self.ops: list[Op] = []
        self.values: dict[Node, Any] = {}

    def captured(self) -> Captured:
        self._place_inputs()
        output = None
        for node in self.exported.graph.nodes:
            if node.op == "call_function":
                self._add(node)
            elif node.op == "output":
                output = node
        assert output is not None
        results = [self._argument(item) for item in output.args[0]]
        kinds = {spec.kind for spec in self.exported.graph_signature.output_specs}
        if kinds != {OutputKind.USER_OUTPUT}:
            raise CaptureError("it changes its buffers or its inputs")
        outputs, spec = self._output_tree(results)
        return Captured(Program(self.inputs, self.constants, self.ops, outputs, self.arguments), spec)

    def _place_inputs(self) -> None:
        nodes = [node for node in self.exported.graph.nodes if node.op == "placeholder"]
        number = 0
        for node, spec in zip(nodes, self.exported.graph_signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                self.values[node] = Ref(number)
                number += 1
            elif spec.target in self.exported.state_dict or spec.target in self.exported.constants:
                held = {**self.exported.constants, **self.exported.state_dict}[spec.target]
                self.values[node] = self._constant(held)
            else:
                raise CaptureError(f"it takes {spec.kind.name.lower()} {spec.target!r}")
        if number != len(self.inputs):
            raise CaptureError(f"torch.export sees {number} inputs where {len(self.inputs)} tensors were given")

    def _constant(self, tensor: Any) -> Constant:
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise CaptureError(f"it holds {type(tensor).__name__}, which is not a dense tensor")
        self.constants.append(tensor.detach())
        return Constant(len(self.constants) - 1)

    def _add(self, node: Node) -> None:
        function: Any = node.target
        short = getattr(function, "_opname", getattr(function, "__name__", ""))
        if short in _ASSERTIONS:
            return
        if short == "copy":
            self._add_copy(node, *node.args[:2])
            return
        if function is walk._opoverload:
            self._add_loop(node)
            return
        name = _name(function)
        arguments = _all_arguments(function, node.args, node.kwargs)
        args, kwargs = ([self._argument(arg) for arg in arguments[0]], arguments[1])
        if any(isinstance(leaf, Node) for leaf in tree_leaves(kwargs)):
            raise CaptureError(f"{function} takes a computed value by name, which no program holds")
        try:
            function_of(name)
        except ValueError:
            layer = _layer(node)
            raise CaptureError(f"{layer or 'the model'} needs {function}, which no program holds") from None
        self._append(node, Op(name, tuple(args), kwargs, _layer(node), _shape(node)))

    def _append(self, node: Node, op: Op) -> None:
        self.ops.append(op)
        self.values[node] = Ref(len(self.inputs) + len(self.ops) - 1)

    def _add_loop(self, node: Node) -> None:
        """The body is captured by itself, for what the first step gets."""
        steps, state, number = _all_arguments(walk._opoverload, node.args, node.kwargs)[0]
        kinds = [steps.meta["val"][0], *(part.meta["val"] for part in state)]
        body = capture(self.bodies[number], tuple(map(_example, kinds)), _open_batch(kinds)).program
        layer = _layer(node)
        for op in body.ops:
            op.layer = f"{layer}.{op.layer}".strip(".")
        self._append(node, Op(LOOP, (self._argument(steps), self._argument(state)), layer=layer, body=body))

    def _add_copy(self, node: Node, into: Any, value: Any) -> None:
        """What is copied into a tensor takes its shape and type; what was there before does not matter."""
        self.values[node], layer, shape = self._argument(value), _layer(node), _shape(node)
        if _shape(value) != shape:
            sizes = [self._size(into, dim) for dim in range(len(shape))]
            self._append(node, Op("aten.expand.default", (self.values[node], sizes), {}, layer, shape))
        dtype = into.meta["val"].dtype
        if value.meta["val"].dtype != dtype:
            self._append(node, Op("aten._to_copy.default", (self.values[node],), {"dtype": dtype}, layer, shape))

    def _size(self, node: Node, dim: int) -> int | Ref:
        size = node.meta["val"].shape[dim]
        if isinstance(size, int):
            return size
        self.ops.append(Op("number.size", (self.values[node], dim), layer=_layer(node)))
        return Ref(len(self.inputs) + len(self.ops) - 1)

    def _argument(self, arg: Any) -> Any:
        if isinstance(arg, Node):
            return self.values[arg]
        if isinstance(arg, (list, tuple)):
            return [self._argument(item) for item in arg]
        return arg

    def _output_tree(self, results: list[Any]) -> tuple[Tree, TreeSpec | None]:
        """Results in the structure that the model returns, and how to build it where its types are the model's own."""
        spec = self.exported.call_spec.out_spec
        assert spec is not None
        given = tree_unflatten(_Opaque.around(results), spec)
        try:
            return Tree.of(plain(given), lambda leaf: leaf.value), None if is_plain(given) else spec
        except AttributeError:
            raise CaptureError("what it returns is not a tuple, list or dict of tensors") from None


class _Opaque:
    """A leaf, whatever its value is."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def around(cls, values: list[Any]) -> list[Any]:
        return [cls(value) for value in values]


def _example(fake: Tensor) -> Tensor:
    """A tensor of the same kind; what lies in it does not matter to a capture."""
    return torch.zeros([_hint(size) for size in fake.shape], dtype=fake.dtype)


def _hint(size: int | torch.SymInt) -> int:
    return size if isinstance(size, int) else int(size.node.hint)


def _open_batch(tensors: Sequence[Tensor]) -> bool:
    """Whether the first size of all is open: it must be that of all or of none, and no other may be."""
    shapes = [tensor.shape for tensor in tensors]
    first = {isinstance(shape[0], torch.SymInt) for shape in shapes}
    if len(first) > 1 or any(isinstance(size, torch.SymInt) for shape in shapes for size in shape[1:]):
        raise CaptureError(f"the sizes of a recurrent layer's steps depend on the batch: {[tuple(s) for s in shapes]}")
    return first.pop()


def _sizes(x: Tensor, dynamic: bool) -> tuple[int | None, ...]:
    return (None, *x.shape[1:]) if dynamic and x.dim() else tuple(x.shape)


def _name(function: Callable[..., Any]) -> str:
    if isinstance(function, torch._ops.OpOverload):
        if function is torch.ops.aten.sym_size.int:
            return "number.size"
        return f"{function.namespace}.{function._opname}.{function._overloadname}"
    known = function.__module__ in ("_operator", "math") and hasattr(operator, function.__name__)
    return f"number.{function.__name__}" if known else f"{function.__module__}.{function.__name__}"


def _all_arguments(function: Any, args: Sequence[Any], kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments with defaults filled in, those that can be by position; keyword arguments only where they must be."""
    if not isinstance(function, torch._ops.OpOverload) or function.namespace != NAMESPACE:
        return list(args), {k: v for k, v in kwargs.items() if k not in _IGNORED and v is not None}
    rest = function._schema.arguments[len(args) :]
    return [*args, *(kwargs.get(argument.name, argument.default_value) for argument in rest)], {}


def _layer(node: Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path.removeprefix("_model").removeprefix(".") for path, _ in stack.values()]
    names = [path for path in paths if path and not path.startswith("_")]
    return str(names[-1]) if names else ""


def _shape(node: Node) -> tuple[str, ...]:
    value = node.meta.get("val")
    return tuple(str(size) for size in value.shape) if isinstance(value, Tensor) else ()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
