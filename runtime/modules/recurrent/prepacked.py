"""A projection with its weight laid out for the kernel once, for all the rows of a sequence.

`nn.Linear` has no such thing: each call lays the weight out anew, which for the few rows of a time step costs about as
much as the product. In plain inference on a CPU, where nobody could tell the call from `nn.Linear`'s own but by the
last bits, oneDNN's product on a weight laid out beforehand takes its place. Whoever looks on (a hook, a tracer, a torch
function or dispatch mode, a replaced or patched Linear, gradients) gets the call itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

WORTHWHILE_ROWS = 128
"""Rows in all calls together; fewer do not pay for laying out."""
WORTHWHILE_PRODUCTS = 2**20
"""Multiplications in one call; with fewer, the other kernel's longer way to its work costs more than it saves."""


def prepacked(linear: nn.Module, calls: int, rows: int) -> Callable[[Tensor], Tensor]:
    """What to call so many times with so many rows each: `linear`, or its equal."""
    if _watched() or not _plain(linear) or rows * calls < WORTHWHILE_ROWS:
        return linear
    weight, bias = linear.weight, linear.bias
    assert isinstance(weight, Tensor)
    if weight.numel() * rows < WORTHWHILE_PRODUCTS:
        return linear
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)

    def project(x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
        return product

    return project


def _watched() -> bool:
    return (
        torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or torch.is_autocast_enabled("cpu")
        or not torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        or not torch.backends.mkldnn.enabled
        or torch._C._len_torch_function_stack() > 0
        or torch._C._len_torch_dispatch_stack() > 0
        or torch_module._has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def _plain(linear: nn.Module) -> bool:
    if type(linear) is not nn.Linear or "forward" in linear.__dict__:
        return False
    if linear._forward_hooks or linear._forward_pre_hooks or linear._backward_hooks or linear._backward_pre_hooks:
        return False
    weight = linear.weight
    return type(weight) is nn.Parameter and weight.device.type == "cpu" and weight.dtype == torch.float32
