"""Quantized networks in ONNX Runtime: how far its results are from ours, in steps of the grid, and how long both take.

    python -m tests.bench.onnx_networks --site DIR [--only NAME,NAME] [--size 64]

DIR holds torchvision as `rewriter` has rewritten it. Networks have random weights, normalizations statistics of the data.
ONNX Runtime has one thread; its sums are exact on processors with VNNI. A row each:

- nodes of the graph
- the largest difference of an output in steps (255ths of the range of all outputs), and the share of outputs that differ
  by more than one step
- where outputs differ, the largest difference of any layer that is given the same codes, in steps, how many codes of how
  many differ at all, and behind which operators
- the largest difference of an output as soon as these codes are ONNX Runtime's in our network, and nothing else is
- how near both are to the network in floating point, in decibels: ours, ONNX Runtime
- milliseconds of CPU for a batch of two, in ONNX Runtime and in ours
- whether a batch of another size gives the same for each image
- the largest difference of an output in OpenVINO, in steps, or why it does not load the file
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import runtime.export
import runtime.int8
from runtime.quantization.front_door import quantize
from tests.bench.int8_models import add_site
from tests.bench.onnx_layers import compared
from tests.bench.shares import decibels

NETWORKS = """
mobilenet_v2 resnet18 squeezenet1_1 mobilenet_v3_small shufflenet_v2_x0_5 mnasnet0_5 regnet_x_400mf regnet_y_400mf alexnet
googlenet densenet121 efficientnet_b0 resnet50 convnext_tiny vit_b_32 swin_t inception_v3 vgg11 vgg16_bn resnext50_32x4d
wide_resnet50_2 squeezenet1_0 mobilenet_v3_large mnasnet1_0 shufflenet_v2_x1_0 shufflenet_v2_x2_0 efficientnet_v2_s
regnet_y_800mf convnext_small vit_b_16 swin_s swin_v2_t resnet34 resnet101
""".split()
RECURRENT = ("lstm", "gru", "lstm_bidirectional")
_SAME_SIZE = {"inception_v3": 299, "vit_b_16": 224, "vit_b_32": 224, "swin_v2_t": 256}


class Recurrent(nn.Module):
    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.layer = layer
        self.head = nn.Linear(width, 10)

    def forward(self, tokens: Tensor) -> Any:
        return self.head(self.layer(self.embedding(tokens))[0])


def made(name: str, size: int) -> tuple[nn.Module, list[Tensor]]:
    from runtime.modules import GRU, LSTM

    if name in RECURRENT:
        layers = {"lstm": lambda: LSTM(32, 64, num_layers=2), "gru": lambda: GRU(32, 64)}
        layer = layers.get(name, lambda: LSTM(32, 64, bidirectional=True))()
        model = Recurrent(layer, 128 if "bi" in name else 64)
        return model, [torch.randint(0, 100, (12, 4)) for _ in range(3)]
    import torchvision

    told = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = getattr(torchvision.models, name)(weights=None, **told)
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():  # a head of zeros alone says nothing of what is before it
            nn.init.normal_(parameter, std=0.02)
    side = _SAME_SIZE.get(name, size)
    return model, [torch.randn(2, 3, side, side) for _ in range(3)]


def made_quantized(name: str, size: int) -> tuple[nn.Module, list[Tensor], Tensor]:
    """The network, batches, and what the network returned in floating point for the second of them."""
    torch.manual_seed(0)
    model, data = made(name, size)
    for layer in model.modules():  # random weights alone let signals die out
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = None
    with torch.no_grad():
        for batch in data:
            model.train()(batch)
        exact = model.eval()(data[1])
    return quantize(model, data, verbose=False, allow_unprepared=True), data, exact


def row(name: str, size: int) -> str:
    quantized, data, exact = made_quantized(name, size)
    along = int(name in RECURRENT)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "network.onnx"
        runtime.export.onnx(quantized, path, data[0], batch=along)
        run, nodes = session(path)
        ours = quantized(data[1])
        compiled = runtime.int8.compile(runtime.int8.convert(quantized), data[0])
        theirs = run(data[1])
        apart = (steps(theirs, ours) > 1.01).float().mean().item()
        cells = (
            name,
            nodes,
            f"{steps(theirs, ours).max().item():.2f}",
            f"{100 * apart:.2f}%",
            *(("", "") if torch.equal(theirs, ours) else layers(quantized, path, data[1], theirs, along)),
            f"{decibels(exact, ours):.1f}, {decibels(exact, theirs):.1f}",
            f"{milliseconds(lambda: run(data[1])):.1f}",
            f"{milliseconds(lambda: compiled(data[1])):.1f}",
            any_batch(run, data[1], theirs, along),
            openvino(path, data[1], ours),
        )
    return f"| {' | '.join(map(str, cells))} |"


def steps(theirs: Tensor, ours: Tensor) -> Tensor:
    return (theirs - ours).abs() / ((ours.max() - ours.min()) / 255)


def session(path: Path) -> tuple[Callable[[Tensor], Tensor], int]:
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = run.get_inputs()[0].name
    nodes = len(onnx.load(path, load_external_data=False).graph.node)
    return lambda batch: torch.from_numpy(run.run(None, {name: batch.numpy()})[0]), nodes


def layers(quantized: nn.Module, path: Path, batch: Tensor, theirs: Tensor, along: int) -> tuple[str, str]:
    comparison = compared(quantized, path, batch, along)
    found = comparison.by_operator()
    most = max(len(counts) for counts in found.values()) - 1
    other = {operator: sum(counts[1:]) for operator, counts in found.items() if len(counts) > 1}
    where = ", ".join(f"{operator} {number}" for operator, number in sorted(other.items(), key=lambda item: -item[1]))
    codes = f"{most} ({sum(other.values())} of {sum(map(sum, found.values()))}: {where})"
    left = steps(theirs, comparison.result).max().item()
    return codes, "equal" if torch.equal(theirs, comparison.result) else f"{left:.2f}"


def any_batch(run: Callable[[Tensor], Tensor], batch: Tensor, together: Tensor, along: int) -> str:
    alone = run(batch.narrow(along, 0, 1).contiguous())
    wanted = together.narrow(along, 0, 1)
    return "same" if torch.equal(alone, wanted) else f"{steps(alone, wanted).max().item():.2f} steps apart"


def openvino(path: Path, batch: Tensor, ours: Tensor) -> str:
    from openvino import Core

    try:
        run = Core().compile_model(str(path), "CPU", {"INFERENCE_NUM_THREADS": 1})
        return f"{steps(torch.from_numpy(run([batch.numpy()])[0]), ours).max().item():.2f}"
    except RuntimeError as error:
        return " ".join(str(error).split())[:80].replace("|", "/")


def milliseconds(run: Callable[[], object]) -> float:
    times = []
    for _ in range(10):
        start = time.process_time()
        run()
        times.append(1e3 * (time.process_time() - start))
    return min(times)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--only", default="")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--here", action="store_true", help="in this process, with tracebacks")
    options = parser.parse_args(argv)
    names = options.only.split(",") if options.only else [*RECURRENT, *NETWORKS]
    for name in names:
        print(_here(name, options) if options.here else _apart(name, options), flush=True)
    return 0


def _here(name: str, options: argparse.Namespace) -> str:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for site in options.site:
        add_site(site)
    return row(name, options.size)


def _apart(name: str, options: argparse.Namespace) -> str:
    sites = [argument for site in options.site for argument in ("--site", site)]
    command = [sys.executable, "-m", "tests.bench.onnx_networks", *sites, "--only", name, "--here"]
    done = subprocess.run([*command, "--size", str(options.size)], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return lines[-1] if lines else f"| {name} | {last[:160]} |"


if __name__ == "__main__":
    raise SystemExit(main())
