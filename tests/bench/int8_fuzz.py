"""Loads and runs compiled models that were tampered with, for as long as wanted: exceptions are fine, a crash is not.

    python -m tests.bench.int8_fuzz [--minutes 10] [--seed 0] [--keep FILE]

Bytes are changed behind a header that is made right again, and parts of the description are replaced by others.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
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
from runtime.int8 import CompiledModel, FileError, compile, convert
from runtime.int8.files import from_bytes, to_bytes
from tests.runtime.int8.small import quantized, small_net
from tests.runtime.int8.test_files import assembled, changed, parts, places
from tests.runtime.int8.test_loops import Tagger

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


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="each file is left there while it is tried")
    options = parser.parse_args(argv)
    faulthandler.enable()
    warnings.filterwarnings("ignore")
    logging.disable()
    torch.manual_seed(0)
    files = [_file(*small_net()), _file(*_recurrent())]
    draw, ends = random.Random(options.seed), Counter[str]()
    until = time.monotonic() + 60 * options.minutes
    while time.monotonic() < until:
        data, x = draw.choice(files)
        tampered = _tampered(data, draw)
        if options.keep:
            options.keep.write_bytes(tampered)
        ends[_tried(tampered, x[:1])] += 1
    print(f"{sum(ends.values())} files: {', '.join(f'{count} {end}' for end, count in ends.most_common())}")
    return 0


def _file(model: nn.Module, x: Tensor) -> tuple[bytes, Tensor]:
    program = compile(convert(model), x).program
    assert program is not None
    return to_bytes(program), x


def _recurrent() -> tuple[nn.Module, Tensor]:
    """A model with loops."""
    x = torch.randn(4, 3, 6)
    return quantized(Tagger(wrappers.LSTM, bidirectional=True), x), x


def _tampered(data: bytes, draw: random.Random) -> bytes:
    described, tensors = parts(data)
    if draw.random() < 0.3:
        text = bytearray(json.dumps(described).encode())
        for _ in range(draw.randint(1, 4)):
            text[draw.randrange(len(text))] = draw.randrange(256)
        return assembled(bytes(text), tensors[: draw.choice([len(tensors), draw.randint(0, len(tensors))])])
    everywhere = places(described)
    for _ in range(draw.randint(1, 3)):
        path = draw.choice(everywhere)
        described = _replaced(described, path, draw)
        everywhere = places(described)
    return assembled(json.dumps(described).encode(), tensors)


def _replaced(described: Any, path: tuple[Any, ...], draw: random.Random) -> Any:
    """Another number there, or what stands somewhere else."""
    if draw.random() < 0.6:
        return changed(described, path, draw.choice(NUMBERS))
    other = described
    for key in draw.choice(places(described)):
        other = other[key]
    return changed(described, path, other)


def _tried(data: bytes, x: Tensor) -> str:
    try:
        compiled = CompiledModel(from_bytes(data))
    except FileError:
        return "refused"
    try:
        compiled(x)
    except Exception as error:
        return f"failed with {type(error).__name__}"
    return "ran"


if __name__ == "__main__":
    raise SystemExit(main())
