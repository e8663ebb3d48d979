"""Loads and runs compiled models that were tampered with, for as long as wanted: exceptions are fine, a crash is not.

    python -m tests.bench.int8_fuzz [--minutes 10] [--seed 0] [--keep FOLDER]

Bytes are changed behind a header that is made right again, and parts of the description are replaced by others: sizes
of tensors, numbers, references, whole arguments. Models of all kernels are tampered with, small networks, and programs
of torch's own operations with arguments of the right kinds. Each file is tried by every set of kernels, in a child
process: one that a file ends is counted, the file is kept, and the next goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import runtime.modules as wrappers
from runtime import kernels
from runtime.int8 import CompiledModel, FileError, compile, convert
from runtime.int8.files import from_bytes, to_bytes
from runtime.int8.program import Constant, Input, Op, Program, Ref, function_of
from runtime.int8.trees import Tree
from runtime.kernels.native import library
from tests.runtime.int8.small import quantized, small_net
from tests.runtime.int8.test_files import assembled, changed, parts, places
from tests.runtime.int8.test_loops import Tagger
from tests.runtime.kernels.test_operators import CALLS

NUMBERS: tuple[Any, ...] = (
    -1,
    0,
    1,
    2,
    3,
    7,
    17,
    255,
    256,
    1000,
    2**31 - 1,
    2**31,
    2**62,
    -(2**63),
    0.5,
    1e300,
    None,
    True,
    "a",
    [],
    {},
)


BATCH = 100
"""Files that one child tries."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for files that end a process")
    options = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    logging.disable()
    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads do not survive a fork
    files = [_file(*small_net()), _file(*_recurrent()), _file(*_recurrent({".*": {"bits_activations": 8}}))]
    files += [_kernel(name, arguments) for name, arguments in CALLS.items()]
    ends, until, seed = Counter[str](), time.monotonic() + 60 * options.minutes, options.seed
    while time.monotonic() < until:
        ends += _batch(files, seed, options.keep)
        seed += 1
    print(f"{sum(ends.values())} files: {', '.join(f'{count} {end}' for end, count in ends.most_common())}")
    return 1 if any(end.startswith("ended the process") for end in ends) else 0


def _batch(files: Sequence[tuple[bytes, Tensor]], seed: int, keep: Path | None) -> Counter[str]:
    """Of one child: what became of each file."""
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        draw = random.Random(seed)
        for _ in range(BATCH):
            own = draw.random() < 0.4
            data, x = _torchs(draw) if own else draw.choice(files)
            tampered = data if own and draw.random() < 0.7 else _tampered(data, draw)
            with Path(f"/tmp/int8_fuzz_{os.getpid()}").open("wb") as file:
                file.write(tampered)
            os.write(tells, f"{_tried(tampered, x[:1])}\n".encode())
        Path(f"/tmp/int8_fuzz_{os.getpid()}").unlink()
        os._exit(0)
    os.close(tells)
    with os.fdopen(told) as lines:
        ends = Counter(lines.read().splitlines())
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        ends[f"ended the process with signal {os.WTERMSIG(status)}"] += 1
        file = Path(f"/tmp/int8_fuzz_{child}")
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            file.rename(keep / f"{seed}.int8")
    return ends


def _file(model: nn.Module, x: Tensor) -> tuple[bytes, Tensor]:
    program = compile(convert(model), x).program
    assert program is not None
    return to_bytes(program), x


def _kernel(name: str, arguments: Sequence[Any]) -> tuple[bytes, Tensor]:
    """A program of one kernel, on tensors of its own."""
    return _program(f"runtime_int8.{name}.default", arguments), torch.randn(2, 4)


def _program(name: str, arguments: Sequence[Any]) -> bytes:
    constants: list[Tensor] = []

    def held(argument: Any) -> Any:
        if isinstance(argument, Tensor):
            constants.append(argument.contiguous())
            return Constant(len(constants) - 1)
        return [held(item) for item in argument] if isinstance(argument, (list, tuple)) else argument

    op = Op(name, tuple(map(held, arguments)))
    leaf = Tree("leaf", leaf=Ref(1))
    return to_bytes(
        Program([Input(torch.float32, (None, 4))], constants, [op], leaf, Tree("tuple", (Tree("leaf", leaf=0),)))
    )


def _torchs(draw: random.Random) -> tuple[bytes, Tensor]:
    """A program of one of torch's operations, with arguments of the kinds that it takes."""
    while True:
        name, function = draw.choice(OPERATIONS)
        arguments = [_argument(str(argument.real_type), draw) for argument in function._schema.arguments]
        try:
            return _program(name, arguments), torch.randn(2, 4)
        except ValueError:  # an argument that no file holds
            continue


def _argument(kind: str, draw: random.Random) -> Any:
    if kind.startswith("Optional["):
        return None if draw.random() < 0.5 else _argument(kind[9:-1], draw)
    if kind.startswith("List["):
        return [_argument(kind[5:-1], draw) for _ in range(draw.choice([0, 1, 2, 2, 3, 4]))]
    if kind == "Tensor":
        sizes = [draw.choice([0, 1, 1, 2, 3, 4, 5]) for _ in range(draw.choice([0, 1, 2, 3, 4, 4, 5]))]
        kind_of_element = draw.choice([torch.float32] * 4 + [torch.int64, torch.uint8, torch.bool, torch.float64])
        return torch.randint(0, 2 if kind_of_element is torch.bool else 5, sizes).to(kind_of_element)
    if kind in ("int", "SymInt"):
        return draw.choice([0, 1, 1, 2, 3, -1, 5, 2**31, -(2**40)])
    if kind == "bool":
        return draw.random() < 0.5
    if kind == "ScalarType":
        return draw.choice([torch.float32, torch.int64, torch.uint8, torch.bool])
    if kind == "MemoryFormat":
        return draw.choice([torch.contiguous_format, torch.channels_last, torch.preserve_format])
    return draw.choice([0, 1, 2, -1, 0.5, 1e30]) if kind in ("number", "float", "Scalar") else "mean"


def _operations() -> list[tuple[str, Any]]:
    """All of torch's that a program may hold."""
    found = []
    for packet_name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, packet_name, None)
        for overload in packet.overloads() if isinstance(packet, torch._ops.OpOverloadPacket) else ():
            name = f"aten.{packet_name}.{overload}"
            try:
                found.append((name, function_of(name)))
            except ValueError:
                continue
    return [(name, function) for name, function in found if isinstance(function, torch._ops.OpOverload)]


OPERATIONS = _operations()


def _recurrent(overrides: Any = None) -> tuple[nn.Module, Tensor]:
    """A model with recurrent layers; with loops, where overrides put its gates on integers."""
    x = torch.randn(4, 3, 6)
    return quantized(Tagger(wrappers.LSTM, bidirectional=True), x, overrides=overrides), x


def _tampered(data: bytes, draw: random.Random) -> bytes:
    described, tensors = parts(data)
    if draw.random() < 0.05:
        text = bytearray(json.dumps(described).encode())
        for _ in range(draw.randint(1, 4)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        return assembled(bytes(text), tensors[: draw.choice([len(tensors), draw.randint(0, len(tensors))])])
    everywhere = places(described)
    for _ in range(draw.randint(1, 3)):
        path = _place(described, everywhere, draw)
        described = _replaced(described, path, draw)
        everywhere = places(described)
    return assembled(json.dumps(described).encode(), tensors)


def _place(described: Any, everywhere: Sequence[tuple[Any, ...]], draw: random.Random) -> tuple[Any, ...]:
    """Mostly one of a number, which is another number then."""
    numbers = [path for path in everywhere if type(_at(described, path)) in (int, float)]
    return draw.choice(numbers if numbers and draw.random() < 0.8 else list(everywhere))


def _at(described: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        described = described[key]
    return described


def _replaced(described: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    """Another number there, or what stands somewhere else."""
    if type(_at(described, path)) in (int, float) and draw.random() < 0.8:
        return changed(described, path, draw.choice([n for n in NUMBERS if type(n) in (int, float)]))
    if draw.random() < 0.6:
        return changed(described, path, draw.choice(NUMBERS))
    return changed(described, path, _at(described, draw.choice(places(described))))


def _tried(data: bytes, x: Tensor) -> str:
    try:
        program = from_bytes(data)
    except FileError:
        return "refused"
    end = ""
    for kernel_set in library.runnable():
        kernels.select(kernel_set)
        try:
            CompiledModel(program)(x)
        except Exception as error:
            end = end or f"failed with {type(error).__name__}"
    return end or "ran"


if __name__ == "__main__":
    raise SystemExit(main())
