"""RW105: reductions."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import spelled, wrapped
from rewriter.torch_api.traits import Trait


def _extreme(name: str, target: str) -> tuple[Row, Row]:
    """Without `dim` one tensor, or the larger of two; with `dim` values and indices."""
    return (
        wrapped(
            name, "RW105", target,
            spelled(f"torch.{name} Tensor.{name}", "input"),
            spelled(f"torch.{name}", "input, other, *, out=None", ("other", "tensor")),
            spelled(f"Tensor.{name}", "input, other", ("other", "tensor")),
            operands="input other", traits=Trait.REDUCTION, aimet=target,
        ),
        wrapped(
            f"{name}_dim", "RW105", target,
            spelled(f"torch.{name}", "input, dim, keepdim=False, *, out=None", ("dim", "int")),
            spelled(f"Tensor.{name}", "input, dim, keepdim=False", ("dim", "int")),
            attribute=name, returns="tensors", traits=Trait.REDUCTION,
        ),
    )  # fmt: skip


def _spread(name: str, target: str) -> Row:
    full = "input, dim=None, *, correction=1, keepdim=False"
    old = "input, dim, unbiased=True, keepdim=False"
    return wrapped(
        name, "RW105", target,
        spelled(f"torch.{name}", f"{full}, out=None", ("dim", "ints")),
        spelled(f"Tensor.{name}", full, ("dim", "ints")),
        spelled(f"torch.{name}", f"{old}, *, out=None", ("dim", "ints"), ("unbiased", "bool")),
        spelled(f"Tensor.{name}", old, ("dim", "ints"), ("unbiased", "bool")),
        spelled(f"torch.{name} Tensor.{name}", "input, unbiased=True", ("unbiased", "bool")),
        traits=Trait.REDUCTION | Trait.NOT_NEGATIVE,
    )  # fmt: skip


_REDUCED = "input, dim=None, keepdim=False, *, dtype=None"

ROWS = (
    wrapped(
        "mean", "RW105", "Mean", spelled("torch.mean", f"{_REDUCED}, out=None"), spelled("Tensor.mean", _REDUCED),
        traits=Trait.AVERAGE | Trait.REDUCTION, aimet="Mean",
    ),
    wrapped(
        "sum", "RW105", "Sum", spelled("torch.sum", f"{_REDUCED}, out=None"), spelled("Tensor.sum", _REDUCED),
        traits=Trait.REDUCTION, aimet="Sum",
    ),
    wrapped(
        "sum_of", "RW105", "SumOf",
        spelled("builtins.sum", "iterable, start=0"), operands="iterable", attribute="sum", traits=Trait.REDUCTION,
    ),
    wrapped(
        "amax", "RW105", "Amax",
        spelled("torch.amax", "input, dim=(), keepdim=False, *, out=None"),
        spelled("Tensor.amax", "input, dim=(), keepdim=False"),
        traits=Trait.REDUCTION, aimet="AMax",
    ),
    wrapped(
        "amin", "RW105", "Amin",
        spelled("torch.amin", "input, dim=(), keepdim=False, *, out=None"),
        spelled("Tensor.amin", "input, dim=(), keepdim=False"),
        traits=Trait.REDUCTION, aimet="AMin",
    ),
    *_extreme("max", "Max"),
    *_extreme("min", "Min"),
    wrapped(
        "norm", "RW105", "Norm",
        spelled("torch.norm", "input, p='fro', dim=None, keepdim=False, out=None, dtype=None"),
        spelled("Tensor.norm", "input, p='fro', dim=None, keepdim=False, dtype=None"),
        traits=Trait.REDUCTION | Trait.NOT_NEGATIVE, aimet="Norm",
    ),
    wrapped(
        "vector_norm", "RW105", "VectorNorm",
        spelled("torch.linalg.vector_norm", "input, ord=2, dim=None, keepdim=False, *, dtype=None, out=None"),
        attribute="norm", traits=Trait.REDUCTION | Trait.NOT_NEGATIVE,
    ),
    wrapped(
        "linalg_norm", "RW105", "LinalgNorm",
        spelled("torch.linalg.norm", "input, ord=None, dim=None, keepdim=False, *, out=None, dtype=None"),
        attribute="norm", traits=Trait.REDUCTION | Trait.NOT_NEGATIVE,
    ),
    _spread("var", "Var"),
    _spread("std", "Std"),
    wrapped(
        "logsumexp", "RW105", "LogSumExp",
        spelled("torch.logsumexp torch.special.logsumexp", "input, dim, keepdim=False, *, out=None"),
        spelled("Tensor.logsumexp", "input, dim, keepdim=False"),
        traits=Trait.REDUCTION,
    ),
    wrapped(
        "prod", "RW105", "Prod",
        spelled("torch.prod Tensor.prod", "input, *, dtype=None"),
        spelled("torch.prod", "input, dim, keepdim=False, *, dtype=None, out=None"),
        spelled("Tensor.prod", "input, dim, keepdim=False, *, dtype=None"),
        traits=Trait.REDUCTION, aimet="Prod",
    ),
)  # fmt: skip
