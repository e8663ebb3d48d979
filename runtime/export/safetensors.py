"""The integers and scales of a quantized model as safetensors: tensors by the names of the state_dict, and no code.

8 bytes   how long the header is, little-endian
header    JSON: for each tensor its type, shape, and where it lies behind the header
tensors   one after the other
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from rewriter import __version__

_TYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
}  # fmt: skip
_ALIGNMENT = 8


def safetensors(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Writes the state_dict of `model`; what a reader of the format returns, `load_state_dict` takes."""
    header: dict[str, object] = {"__metadata__": {"format": "pt", "producer": f"torch-rewriter {__version__}"}}
    blocks: list[bytes] = []
    place = 0
    for name, tensor in _by_size_of_element(model):
        block = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [place, place + len(block)],
        }
        blocks.append(block)
        place += len(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    Path(path).write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *blocks]))


def _by_size_of_element(model: nn.Module) -> list[tuple[str, Tensor]]:
    """The widest elements first, so that all are aligned."""
    found = [(name, value) for name, value in model.state_dict().items() if isinstance(value, Tensor)]
    return sorted(found, key=lambda item: (-item[1].element_size(), item[0]))
