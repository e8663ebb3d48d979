"""A quantized model as an ExportedProgram, with the quantize and dequantize operators of torchao's PT2E."""

from __future__ import annotations

from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import Node
from torch.utils._pytree import tree_leaves, tree_map

from runtime.export.modules import for_export
from runtime.user_line import warn

_QUANTIZE = torch.ops.quantized_decomposed.quantize_per_tensor.default
_DEQUANTIZE = torch.ops.quantized_decomposed.dequantize_per_tensor.default
_DEQUANTIZING = (
    _DEQUANTIZE,
    torch.ops.quantized_decomposed.dequantize_per_tensor.tensor,
    torch.ops.quantized_decomposed.dequantize_per_channel.default,
)


def program(model: nn.Module, *example: Any, batch: int = 0, signed: bool = False) -> ExportedProgram:
    """What a quantized or converted model computes on `example`, and on any other size of its dimension `batch`.

    Python's control flow is what the example takes; recurrent layers are unrolled over its steps. Where the model fixes
    the batch size, so does the program, with a warning. With `signed` activations are int8 and not uint8: the same
    steps, counted from -128.
    """
    exported = traced(model, *example, batch=batch, as_pt2e=True)
    if signed:
        _count_from_below(exported)
    _dequantize_for_each(exported)
    return exported


def traced(model: nn.Module, *example: Any, batch: int, as_pt2e: bool) -> ExportedProgram:
    """The same, where all that takes a tensor of integers shares what dequantizes it."""
    module, given = for_export(model, as_pt2e), _more_than_one(example, batch)
    shapes = tree_map(lambda leaf: {batch: Dim.AUTO} if _has(leaf, batch) else None, given)
    with torch.no_grad():
        exported = torch.export.export(module, given, dynamic_shapes=tuple(shapes), strict=False)
    _drop_repeated(exported)
    if not as_pt2e:
        _multiply_inputs(exported)
    _warn_of_fixed_batch(exported, batch)
    return exported


def _has(leaf: Any, dimension: int) -> TypeGuard[Tensor]:
    return isinstance(leaf, Tensor) and leaf.dim() > dimension


def _more_than_one(example: tuple[Any, ...], batch: int) -> tuple[Any, ...]:
    """A batch of one would be taken for a number that never changes."""
    tensors = [leaf for leaf in tree_leaves(example) if _has(leaf, batch)]
    if any(tensor.shape[batch] != 1 for tensor in tensors):
        return example
    doubled: tuple[Any, ...] = tree_map(
        lambda leaf: torch.cat([leaf] * 2, batch) if _has(leaf, batch) else leaf, example
    )
    return doubled


def _drop_repeated(exported: ExportedProgram) -> None:
    """What is on a grid already need not be put there again, as both the module that returns it and its taker do.

    Integers that several steps read with the same scale are dequantized once.
    """
    graph, known = exported.graph_module.graph, dict[tuple[Any, ...], Node]()
    for node in list(graph.nodes):
        if node.target is _QUANTIZE and _undoes(node, source := node.args[0]):
            node.replace_all_uses_with(source.args[0])
            graph.erase_node(node)
            if not source.users:
                del known[source.target, source.args]
                graph.erase_node(source)
        elif node.target in _DEQUANTIZING and (first := known.setdefault((node.target, node.args), node)) is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)
    exported.graph_module.recompile()


def _undoes(quantize: Node, source: Any) -> TypeGuard[Node]:
    return isinstance(source, Node) and source.target is _DEQUANTIZE and source.args[1:] == quantize.args[1:]


def _multiply_inputs(exported: ExportedProgram) -> None:
    """What a model is given is multiplied with the inverse of the scale, as we do it; runtimes divide by the scale.

    The two differ by one code where a quotient lies next to the middle between two integers, in a photograph or two.
    """
    graph = exported.graph_module.graph
    for node in list(graph.nodes):
        if node.target is _QUANTIZE and node.args[0].name in exported.graph_signature.user_inputs:
            given, scale, *told = node.args
            with graph.inserting_before(node):
                steps = graph.call_function(torch.ops.aten.mul.Tensor, (given, torch.tensor(scale).reciprocal().item()))
            steps.meta.update({"val": given.meta["val"], "nn_module_stack": node.meta["nn_module_stack"]})
            node.args = (steps, 1.0, *told)
    exported.graph_module.recompile()


def _count_from_below(exported: ExportedProgram) -> None:
    for node in exported.graph_module.graph.nodes:
        told = node.args[2:]
        if node.target is _QUANTIZE and told[-1] is torch.uint8 and all(u.target is _DEQUANTIZE for u in node.users):
            for each in (node, *node.users):
                each.args = (*each.args[:2], told[0] - 128, -128, 127, torch.int8)
    exported.graph_module.recompile()


def _dequantize_for_each(exported: ExportedProgram) -> None:
    """Each operator that takes a tensor dequantizes it itself, as in what PT2E's convert returns.

    Who lowers the graph takes an operator with what quantizes around it; shared nodes would tie these parts together.
    """
    graph = exported.graph_module.graph
    for node in list(graph.nodes):
        if node.target is not _DEQUANTIZE or node.args[0].op == "get_attr":
            continue
        for user in list(node.users)[1:]:
            with graph.inserting_before(user):
                own = graph.node_copy(node)
            user.replace_input_with(node, own)
    exported.graph_module.recompile()


def _warn_of_fixed_batch(exported: ExportedProgram, batch: int) -> None:
    names = exported.graph_signature.user_inputs
    values = [n.meta.get("val") for n in exported.graph_module.graph.nodes if n.op == "placeholder" and n.name in names]
    sizes = [value.shape[batch] for value in values if _has(value, batch)]
    fixed = [size for size in sizes if isinstance(size, int) or size.node.expr.is_number]
    if fixed:
        warn(f"the model fixes the batch size: the program takes {fixed[0]} alone")
