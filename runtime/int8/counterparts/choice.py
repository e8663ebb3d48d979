"""Which int8 module stands for which quantized one."""

from __future__ import annotations

from rewriter.torch_api.traits import Trait
from runtime.int8.codes import Codes
from runtime.int8.counterparts.alone import OF_ROWS, PReLU, table
from runtime.int8.counterparts.averages import Average
from runtime.int8.counterparts.base import InFloat, Int8Module
from runtime.int8.counterparts.given import given_counterpart
from runtime.int8.counterparts.moved import Embedding, MaxPool, Moved, Picked
from runtime.int8.counterparts.pairs import Add, Join, Product
from runtime.int8.counterparts.sums import int8_sum
from runtime.quantization.known import has, row_of
from runtime.quantization.picking import PICKING
from runtime.quantization.quantized.averages import QuantizedAverage
from runtime.quantization.quantized.base import QuantizedModule
from runtime.quantization.quantized.given import GivenWeight
from runtime.quantization.quantized.others import Carried, QuantizedEmbedding, QuantizedInner, QuantizedPReLU
from runtime.quantization.quantized.pointwise import QuantizedAdd, QuantizedJoin, QuantizedMatmul, QuantizedMul
from runtime.quantization.quantized.sums import QuantizedSum, is_sum
from runtime.quantization.quantized.wide import WideSum

_PLAIN = {
    QuantizedAdd: Add,
    QuantizedMul: Product,
    QuantizedMatmul: Product,
    QuantizedJoin: Join,
    QuantizedAverage: Average,
    QuantizedEmbedding: Embedding,
}


def counterpart(simulated: QuantizedModule) -> Int8Module:
    """The int8 module that computes what `simulated` simulates."""
    if isinstance(simulated, Carried):
        return _carried(simulated)
    if isinstance(simulated, WideSum) and simulated.weight_grid.bits <= 8:
        return int8_sum(simulated)
    reason = _obstacle(simulated)
    if reason:
        return InFloat(simulated, reason)
    if isinstance(simulated, GivenWeight):
        return given_counterpart(simulated)
    if isinstance(simulated, QuantizedSum):
        return int8_sum(simulated)
    if isinstance(simulated, QuantizedInner):
        return _inner(simulated)
    if isinstance(simulated, QuantizedPReLU):
        return PReLU(simulated)
    kind: type[Int8Module] = next(now for was, now in _PLAIN.items() if isinstance(simulated, was))
    return kind(simulated)


def _obstacle(simulated: QuantizedModule) -> str:
    """Why there can be no int8 module."""
    given = simulated.input_params[:1] if has(simulated.inner, Trait.NORMALIZATION) else simulated.input_params
    wanted = [params for params in given if params is not None]
    if isinstance(simulated, QuantizedSum):
        if simulated.weight_grid.bits > 8:
            return f"its weights have {simulated.weight_grid.bits} bits"
        if not wanted:
            return "only its weights are on integers"
    if any(Codes.of(params) is None for params in wanted):
        return "what it is given has more than 8 bits"
    if len(wanted) < len(given) or not (wanted or isinstance(simulated, QuantizedEmbedding)):
        return "what it is given is in floating point"
    if simulated.output_params is None:
        return "" if isinstance(simulated, QuantizedSum) else "its result is in floating point"
    return "" if Codes.of(simulated.output_params) is not None else "its result has more than 8 bits"


def _inner(simulated: QuantizedInner) -> Int8Module:
    inner, row = simulated.inner, row_of(simulated.inner)
    if is_sum(inner):
        return InFloat(simulated, "its weights are in floating point")
    if row is None or not row.traits & (Trait.TABLE | Trait.ROWS):
        return InFloat(simulated, "its other operand is given at each call")
    if Trait.TABLE in row.traits:
        return table(simulated)
    return OF_ROWS[row.op](simulated)


def _carried(simulated: Carried) -> Int8Module:
    inner = simulated.inner
    known = bool(simulated.input_params) and Codes.of(simulated.input_params[0]) is not None
    if has(inner, Trait.RECTIFIER):
        fits = known and not simulated.float_output
        return table(simulated) if fits else InFloat(simulated, "what it returns is taken in floating point")
    if not has(inner, PICKING | Trait.MAXIMUM):
        return Moved(simulated)
    if not known:
        return InFloat(simulated, "what it returns is taken in floating point")
    return MaxPool(simulated) if has(inner, Trait.MAXIMUM) else Picked(simulated)
