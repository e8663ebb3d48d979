"""RW101: arithmetic."""

from __future__ import annotations

from rewriter.torch_api.rows.builder import float_functional, spelled, wrapped
from rewriter.torch_api.traits import Trait

_BINARY = "input, other"

ROWS = (
    wrapped(
        "add", "RW101", "EltWiseAdd",
        spelled("+ += operator.add operator.iadd", _BINARY),
        spelled("torch.add", "input, other, *, alpha=1, out=None"),
        spelled("Tensor.add Tensor.add_", "input, other, *, alpha=1"), spelled("Tensor.__add__", _BINARY),
        operands="input other", traits=Trait.TABLE | Trait.SUM,
        elsewhere=float_functional("add add_scalar", _BINARY),
        distiller="EltwiseAdd(inplace=False)", aimet="Add()", brevitas="QuantEltwiseAdd",
    ),
    wrapped(
        "sub", "RW101", "EltWiseSub",
        spelled("- -= operator.sub operator.isub", _BINARY),
        spelled("torch.sub torch.subtract", "input, other, *, alpha=1, out=None"),
        spelled("Tensor.sub Tensor.sub_ Tensor.subtract Tensor.subtract_", "input, other, *, alpha=1"), spelled("Tensor.__sub__", _BINARY),
        operands="input other", traits=Trait.TABLE | Trait.DIFFERENCE,
        distiller="EltwiseSub(inplace=False)", aimet="Subtract",
    ),
    wrapped(
        "rsub", "RW101", "ReverseSub", spelled("torch.rsub", "input, other, *, alpha=1"), operands="input other",
        traits=Trait.TABLE,
    ),
    wrapped(
        "mul", "RW101", "EltWiseMult",
        spelled("* *= operator.mul operator.imul", _BINARY),
        spelled("torch.mul torch.multiply", "input, other, *, out=None"),
        spelled("Tensor.mul Tensor.mul_ Tensor.multiply Tensor.multiply_", _BINARY), spelled("Tensor.__mul__", _BINARY),
        operands="input other", traits=Trait.TABLE | Trait.PRODUCT,
        elsewhere=float_functional("mul mul_scalar", _BINARY),
        distiller="EltwiseMult(inplace=False)", aimet="Multiply",
    ),
    wrapped(
        "div", "RW101", "EltWiseDiv",
        spelled("/ /= operator.truediv operator.itruediv", _BINARY),
        spelled("torch.div torch.divide", "input, other, *, rounding_mode=None, out=None"),
        spelled("torch.true_divide", "input, other, *, out=None"),
        spelled("Tensor.div Tensor.div_ Tensor.divide Tensor.divide_", "input, other, *, rounding_mode=None"),
        spelled("Tensor.true_divide Tensor.true_divide_", _BINARY), spelled("Tensor.__truediv__", _BINARY),
        operands="input other", traits=Trait.TABLE,
        distiller="EltwiseDiv(inplace=False)", aimet="Divide",
    ),
    wrapped(
        "floor_divide", "RW101", "FloorDivide",
        spelled("// //= operator.floordiv operator.ifloordiv", _BINARY),
        spelled("torch.floor_divide", "input, other, *, out=None"),
        spelled("Tensor.floor_divide Tensor.floor_divide_", _BINARY), spelled("Tensor.__floordiv__", _BINARY),
        operands="input other", traits=Trait.TABLE,
        aimet="FloorDivide",
    ),
    wrapped(
        "remainder", "RW101", "Remainder",
        spelled("% %= operator.mod operator.imod", _BINARY),
        spelled("torch.remainder", "input, other, *, out=None"),
        spelled("Tensor.remainder Tensor.remainder_", _BINARY), spelled("Tensor.__mod__", _BINARY),
        operands="input other", traits=Trait.TABLE,
        aimet="Remainder",
    ),
    wrapped(
        "fmod", "RW101", "Fmod",
        spelled("torch.fmod", "input, other, *, out=None"),
        spelled("Tensor.fmod Tensor.fmod_", _BINARY),
        operands="input other", traits=Trait.TABLE,
        aimet="Fmod",
    ),
    wrapped(
        "pow", "RW101", "Pow",
        spelled("** **= operator.pow operator.ipow", "input, exponent"),
        spelled("torch.pow", "input, exponent, *, out=None"),
        spelled("Tensor.pow Tensor.pow_ Tensor.__pow__", "input, exponent"),
        operands="input exponent", traits=Trait.TABLE, aimet="Pow()",
    ),
    wrapped(
        "neg", "RW101", "Neg",
        spelled("neg operator.neg", "input"),
        spelled("torch.neg torch.negative", "input, *, out=None"),
        spelled("Tensor.neg Tensor.neg_ Tensor.negative Tensor.negative_ Tensor.__neg__ torch.neg_ torch.negative_", "input"),
        traits=Trait.TABLE,
        aimet="Neg",
    ),
    wrapped(
        "addcmul", "RW101", "AddCMul",
        spelled("torch.addcmul", "input, tensor1, tensor2, *, value=1, out=None"),
        spelled("Tensor.addcmul Tensor.addcmul_", "input, tensor1, tensor2, *, value=1"),
        operands="input tensor1 tensor2", traits=Trait.TABLE,
    ),
    wrapped(
        "addcdiv", "RW101", "AddCDiv",
        spelled("torch.addcdiv", "input, tensor1, tensor2, *, value=1, out=None"),
        spelled("Tensor.addcdiv Tensor.addcdiv_", "input, tensor1, tensor2, *, value=1"),
        operands="input tensor1 tensor2", traits=Trait.TABLE,
    ),
    wrapped(
        "lerp", "RW101", "Lerp",
        spelled("torch.lerp", "input, end, weight, *, out=None"),
        spelled("Tensor.lerp Tensor.lerp_", "input, end, weight"),
        operands="input end weight", traits=Trait.TABLE,
    ),
)  # fmt: skip
