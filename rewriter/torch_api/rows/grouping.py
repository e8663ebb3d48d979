"""RW104: joining and splitting tensors."""

from __future__ import annotations

from rewriter.torch_api.row import Row
from rewriter.torch_api.rows.builder import float_functional, spelled, wrapped
from rewriter.torch_api.traits import Trait


def _joined(op: str, target: str) -> Row:
    return wrapped(
        op, "RW104", target, spelled(f"torch.{op}", "tensors, *, out=None"), operands="*tensors", traits=Trait.JOIN
    )


ROWS = (
    wrapped(
        "cat", "RW104", "Concat",
        spelled("torch.cat torch.concat torch.concatenate", "tensors, dim=0, *, out=None"),
        operands="*tensors", attribute="concat", traits=Trait.JOIN,
        elsewhere=float_functional("cat", "tensors, dim=0"),
        distiller="Concat(dim=0)", aimet="Concat(dim=0)",
    ),
    wrapped(
        "stack", "RW104", "Stack",
        spelled("torch.stack", "tensors, dim=0, *, out=None"), operands="*tensors", traits=Trait.JOIN,
        distiller="Stack(dim=0)",
    ),
    _joined("hstack", "HStack"),
    _joined("vstack", "VStack"),
    _joined("dstack", "DStack"),
    wrapped(
        "chunk", "RW104", "Chunk", spelled("torch.chunk Tensor.chunk", "input, chunks, dim=0"), returns="tensors",
        traits=Trait.MOVE,
        distiller="Chunk(chunks, dim=0)", as_function="aimet",
    ),
    wrapped(
        "split", "RW104", "Split",
        spelled("torch.split", "tensor, split_size_or_sections, dim=0"),
        spelled("Tensor.split", "tensor, split_size, dim=0"),
        operands="tensor", returns="tensors", traits=Trait.MOVE,
        distiller="Split(split_size_or_sections, dim=0)", aimet="Split", as_function="aimet",
    ),
)  # fmt: skip
