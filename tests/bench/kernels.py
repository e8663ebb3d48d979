"""The int8 kernels against float32 torch and torch's own int8 kernels, shape by shape and summed over networks.

    python -m tests.bench.kernels [--threads 1 2] [--rounds 15] [--kernels avx2 avx512vnni] [--peers] [--only gemm]

All sides of a shape run in one process, one after the other in every round, so that a machine whose speed drifts treats them
alike. Printed are medians in microseconds with quartiles, and ratios of medians: read the ratios. Ours is the C call
alone, as a compiled plan makes it; the Python operator on top is measured in the row `call`.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

import runtime.kernels as k
from runtime.kernels.native import library
from tests.bench.networks import NETWORKS, Layer

Run = Callable[[], object]
FLOAT = "fp32"


@dataclass(frozen=True)
class Case:
    """One operation: how each side runs it, and how often it occurs in each network."""

    name: str
    flops: int
    sides: dict[str, Run]
    networks: dict[str, int]


def replay(call: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> Run:
    """The C calls that `call` makes, without the Python around them, on the same memory.

    The inputs are copied: packed weights live as long as the tensor they come from, and serve one instruction set.
    """
    inputs = tuple(x.clone() for x in inputs)
    calls: list[tuple[str, object]] = []
    original = library.call

    def record(kernel: str, arguments: object) -> None:
        calls.append((kernel, arguments))
        original(kernel, arguments)  # type: ignore[arg-type]

    library.call = record
    try:
        result = call(*inputs)
    finally:
        library.call = original
    kept = (*inputs, result)

    def run() -> object:
        for kernel, arguments in calls:
            original(kernel, arguments)  # type: ignore[arg-type]
        return kept

    return run


def codes(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def trained(*shape: int) -> torch.Tensor:
    """Weights distributed as those of trained layers are: bell-shaped, the largest of each channel at 127."""
    w = torch.randn(shape)
    return (w / w.flatten(1).abs().amax(1).view(-1, *[1] * (w.dim() - 1)) * 127).round().to(torch.int8)


def uniform(*shape: int) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8)


def ours(names: list[str], make: Callable[[], Run]) -> dict[str, Run]:
    """`make` once for each instruction set; each run selects its own first."""
    runs: dict[str, Run] = {}
    for name in names:
        k.select(name)
        made = make()

        def run(name: str = name, made: Run = made) -> object:
            k.select(name)
            return made()

        runs[name] = run
    return runs


def conv_case(layer: Layer, batch: int, names: list[str], peers: bool) -> Case:
    padding = layer.kernel // 2
    x = codes(batch, layer.cin, layer.size, layer.size).to(memory_format=torch.channels_last)
    weight = trained(layer.cout, layer.cin // layer.groups, layer.kernel, layer.kernel)
    scales = torch.full((layer.cout,), 1e-4)
    geometry = ([layer.stride] * 2, [padding] * 2, [1, 1], layer.groups)
    real, real_weight = x.float().contiguous(), weight.float()
    sides: dict[str, Run] = {FLOAT: lambda: F.conv2d(real, real_weight, None, *geometry)}
    sides |= ours(names, lambda: replay(lambda x, w, s: k.conv(x, w, None, s, 128, 128, *geometry), x, weight, scales))
    if peers:
        sides |= torch_conv(x, weight, geometry)
    counts = {name: layers.count(layer) for name, layers in NETWORKS.items() if layer in layers}
    return Case(f"{layer.name} b{batch}", layer.flops() * batch, sides, counts)


def torch_conv(
    x: torch.Tensor, weight: torch.Tensor, geometry: tuple[list[int], list[int], list[int], int]
) -> dict[str, Run]:
    """torch's own int8 convolutions, which saturate where the processor has no VNNI."""
    sides: dict[str, Run] = {}
    quantized = torch._make_per_tensor_quantized_tensor(x, 0.05, 128).contiguous(memory_format=torch.channels_last)
    channels = torch.ones(weight.shape[0], dtype=torch.float64)
    kernel = torch._make_per_channel_quantized_tensor(weight, channels, torch.zeros_like(channels).long(), 0)
    for engine in ("x86", "onednn"):
        torch.backends.quantized.engine = engine
        packed = torch.ops.quantized.conv2d_prepack(kernel, None, *geometry)
        sides[engine] = lambda packed=packed: torch.ops.quantized.conv2d(quantized, packed, 1.0, 128)  # type: ignore[misc]
    return sides


def gemm_cases(names: list[str]) -> Iterator[Case]:
    for title, fill in (("trained", trained), ("uniform", uniform)):
        for rows, columns, depth in ((1024, 1024, 1024), (128, 768, 768), (1, 2048, 512)):
            x, weight, scales = codes(rows, depth), fill(columns, depth), torch.full((columns,), 1e-4)
            real, real_weight = x.float(), weight.float()
            sides: dict[str, Run] = {FLOAT: lambda a=real, b=real_weight: F.linear(a, b)}  # type: ignore[misc]
            sides |= ours(
                names,
                lambda x=x, w=weight, s=scales: replay(lambda x, w, s: k.linear(x, w, None, s, 128, 128), x, w, s),  # type: ignore[misc]
            )
            yield Case(f"gemm {rows}x{columns}x{depth} {title}", 2 * rows * columns * depth, sides, {})


def attention_cases(names: list[str]) -> Iterator[Case]:
    heads, length, width = 12, 128, 64
    for title, a, b in (
        ("q @ k.T", codes(heads, length, width), codes(heads, length, width).mT),
        ("p @ v", codes(heads, length, length), codes(heads, length, width)),
    ):
        real_a, real_b = a.float(), b.float()
        sides: dict[str, Run] = {FLOAT: lambda a=real_a, b=real_b: a @ b}  # type: ignore[misc]
        sides |= ours(names, lambda a=a, b=b: replay(lambda a, b: k.matmul(a, b, 1e-4, 128, 128, 128), a, b))  # type: ignore[misc]
        yield Case(f"matmul {title} {heads}x{length}x{width}", 2 * heads * length * length * width, sides, {})


def other_cases(names: list[str]) -> Iterator[Case]:
    x = codes(1, 64, 56, 56).to(memory_format=torch.channels_last)
    real = x.float()
    table = codes(256)
    cases: dict[str, tuple[Run, Callable[..., torch.Tensor]]] = {
        "add": (lambda: real + real, lambda x: k.add(x, x, 0.5, 0.5, 3, 4, 5)),
        "mul": (lambda: real * real, lambda x: k.mul(x, x, 0.5, 3, 4, 5)),
        "lookup / sigmoid": (lambda: real.sigmoid(), lambda x: k.lookup(x, table)),
        "max_pool 3x3/2": (
            lambda: F.max_pool2d(real, 3, 2, 1),
            lambda x: k.max_pool(x, [3, 3], [2, 2], [1, 1], [1, 1], False),
        ),
        "mean": (lambda: real.mean((2, 3)), lambda x: k.mean(x, [2, 3], False, 1.0, 3, 4)),
        "quantize / copy": (lambda: real.clone(), lambda x: k.quantize(real, 0.1, 3)),
        "softmax": (lambda: real.softmax(-1), lambda x: k.softmax(x, -1, 0.1, 1 / 255, 0)),
    }
    with torch.inference_mode():
        for name, (float_run, call) in cases.items():
            yield Case(name, 0, {FLOAT: float_run} | ours(names, lambda call=call: replay(call, x)), {})  # type: ignore[misc]
    gates, hidden, state = torch.randn(1, 2048), torch.randn(1, 512), torch.randn(1, 512)
    weight, scales = trained(2048, 512), torch.full((2048,), 1e-4)
    cell = torch.nn.LSTMCell(512, 512)
    steps, none = gates.unsqueeze(0), torch.zeros(2048)
    step = ours(names, lambda: lambda: k.lstm(steps, hidden, state, weight, none, scales, 1 / 32639, False))
    with torch.inference_mode():
        yield Case("lstm step 512, from Python", 0, {FLOAT: lambda: cell(hidden, (hidden, state))} | step, {})
    tiny = codes(1, 8)
    yield Case(
        "call", 0, {FLOAT: lambda: tiny + tiny} | ours(names, lambda: lambda: k.add(tiny, tiny, 0.5, 0.5, 3, 4, 5)), {}
    )


def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Microseconds of every round; each round runs every side, often enough to take half a millisecond.

    With one thread that is the thread's own time on the processor, which other processes do not stretch.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    repeats = {}
    for name, run in case.sides.items():
        run()
        start = clock()
        run()
        repeats[name] = max(1, int(5e-4 / (clock() - start + 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in case.sides}
    gc.disable()
    for _ in range(rounds):
        for name, run in case.sides.items():
            run()  # the side before has filled the caches with its own
            start = clock()
            for _ in range(repeats[name]):
                run()
            times[name].append((clock() - start) / repeats[name] * 1e6)
    gc.enable()
    return times


def report(case: Case, times: dict[str, list[float]]) -> None:
    base = statistics.median(times[FLOAT])
    parts = []
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        speed = f" {case.flops / middle / 1e3:4.0f} GOP/s" if case.flops else ""
        parts.append(f"{name} {middle:8.1f} [{low:.0f}-{high:.0f}]{speed} x{base / middle:.2f}")
    print(f"{case.name:34s}" + " | ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument(
        "--kernels", nargs="+", default=[name for name in k.available() if name not in ("reference", "portable")]
    )
    parser.add_argument("--peers", action="store_true", help="torch's own int8 convolutions too")
    parser.add_argument("--only", nargs="+", default=["gemm", "attention", "other", *NETWORKS])
    options = parser.parse_args()
    for threads in options.threads:
        torch.set_num_threads(threads)
        print(f"--- {threads} threads, medians of {options.rounds} rounds in microseconds, ratio to {FLOAT}")
        totals: dict[str, dict[str, float]] = {}
        for case in cases(options):
            times = measure(case, options.rounds)
            report(case, times)
            for network, count in case.networks.items():
                total = totals.setdefault(network, dict.fromkeys(times, 0.0))
                for name, values in times.items():
                    total[name] += count * statistics.median(values)
        for network, total in totals.items():
            if network in options.only:
                sides = " | ".join(f"{name} {us:9.0f} x{total[FLOAT] / us:.2f}" for name, us in total.items())
                print(f"sum of {network:27s}{sides}")


def cases(options: argparse.Namespace) -> Iterator[Case]:
    groups = {"gemm": gemm_cases, "attention": attention_cases, "other": other_cases}
    for name, make in groups.items():
        if name in options.only:
            yield from make(options.kernels)
    layers = dict.fromkeys(layer for name in options.only if name in NETWORKS for layer in NETWORKS[name])
    for layer in layers:
        yield conv_case(layer, options.batch, options.kernels, options.peers)


if __name__ == "__main__":
    main()
