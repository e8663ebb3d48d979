"""RW102: matrix products."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import float_functional, spelled, wrapped
from rewriter.torch_api.traits import Trait

_PRODUCT = Trait.MATMUL | Trait.CONTRACTION


def _scaled(op: str, target: str, first: str, second: str, aimet: str = "") -> Row:
    """`beta * input + alpha * (first @ second)` and its kind."""
    plain = f"input, {first}, {second}, *, beta=1, alpha=1"
    return wrapped(
        op, "RW102", target,
        spelled(f"torch.{op}", f"{plain}, out=None"),
        spelled(f"Tensor.{op} Tensor.{op}_", plain),
        operands=f"input {first} {second}", traits=Trait.CONTRACTION, aimet=aimet,
    )  # fmt: skip


ROWS = (
    wrapped(
        "matmul", "RW102", "Matmul",
        spelled("@ @= operator.matmul operator.imatmul", "input, other"),
        spelled("torch.matmul torch.linalg.matmul", "input, other, *, out=None"),
        spelled("Tensor.__matmul__ Tensor.matmul", "input, other"),
        operands="input other", traits=_PRODUCT, elsewhere=float_functional("matmul", "input, other"),
        distiller="Matmul", aimet="MatMul",
    ),
    wrapped(
        "bmm", "RW102", "BatchMatmul",
        spelled("torch.bmm", "input, mat2, *, out=None"), spelled("Tensor.bmm", "input, mat2"),
        operands="input mat2", traits=_PRODUCT,
        distiller="BatchMatmul", aimet="Bmm",
    ),
    wrapped(
        "mm", "RW102", "MM",
        spelled("torch.mm", "input, mat2, *, out=None"), spelled("Tensor.mm", "input, mat2"),
        operands="input mat2", traits=_PRODUCT,
    ),
    wrapped(
        "mv", "RW102", "MV",
        spelled("torch.mv", "input, vec, *, out=None"), spelled("Tensor.mv", "input, vec"),
        operands="input vec", traits=Trait.CONTRACTION,
    ),
    wrapped(
        "dot", "RW102", "Dot",
        spelled("torch.dot", "input, tensor, *, out=None"), spelled("Tensor.dot", "input, tensor"),
        operands="input tensor", traits=Trait.CONTRACTION,
    ),
    wrapped(
        "inner", "RW102", "Inner",
        spelled("torch.inner", "input, other, *, out=None"), spelled("Tensor.inner", "input, other"),
        operands="input other", traits=Trait.CONTRACTION,
    ),
    wrapped(
        "outer", "RW102", "Outer",
        spelled("torch.outer torch.ger", "input, vec2, *, out=None"), spelled("Tensor.outer Tensor.ger", "input, vec2"),
        operands="input vec2", traits=Trait.CONTRACTION, aimet="Outer",
    ),
    _scaled("addmm", "AddMM", "mat1", "mat2", "Addmm"),
    _scaled("addmv", "AddMV", "mat", "vec"),
    _scaled("addbmm", "AddBMM", "batch1", "batch2"),
    _scaled("baddbmm", "BAddBMM", "batch1", "batch2", "Baddbmm"),
    wrapped(
        "einsum", "RW102", "Einsum",
        spelled("torch.einsum", "equation, *operands"), operands="operands", traits=Trait.CONTRACTION,
    ),
    wrapped(
        "tensordot", "RW102", "TensorDot", spelled("torch.tensordot", "a, b, dims=2, out=None"), operands="a b", traits=Trait.CONTRACTION,
    ),
)  # fmt: skip
