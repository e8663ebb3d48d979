"""The operators: what they refuse, that they can be traced, and how an implementation is chosen."""

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

import runtime.kernels as k
from runtime.kernels import reference

IMPLEMENTATIONS = k.available()


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Iterator[str]:
    before = k.selected()
    k.select(request.param)
    yield request.param
    k.select(before)


def codes(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def weights(*shape: int) -> torch.Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8)


FLOAT32_INSIDE = {"softmax", "layer_norm", *k.operators.ROWS}
PLAIN = ([1, 1], [1, 1], [1, 1], 1)
SCALES = torch.full((8,), 1e-3)


def plain_call(name: str) -> tuple[object, ...]:
    """Arguments of a kernel that treats every element or row alike."""
    kinds = {torch.Tensor: codes(2, 3, 4, 5), torch.Tensor | None: torch.rand(5), float: 0.1, int: 3}
    return tuple(kinds[p.annotation] for p in inspect.signature(getattr(reference, name)).parameters.values())


CALLS = {
    "conv": (codes(2, 4, 5, 6), weights(8, 4, 3, 3), None, SCALES, 3, 100, *PLAIN, 0, 255),
    "conv_add": (
        *(codes(2, 4, 5, 6), weights(8, 4, 3, 3), None, SCALES, 3, 100, *PLAIN, 0, 255),
        *(codes(2, 8, 5, 6), 0.5, 0.7, 3, 9, 0, 255),
    ),
    "conv_float": (codes(2, 4, 5, 6), weights(8, 4, 3, 3), None, SCALES, 3, *PLAIN),
    "conv_transpose_float": (
        *(codes(2, 4, 5, 6), weights(4, 8, 3, 3), None, SCALES, 3),
        *([2, 2], [1, 1], [1, 1], [1, 1], 1),
    ),
    "conv_transpose": (
        *(codes(2, 4, 5, 6), weights(4, 8, 3, 3), None, SCALES, 3, 100),
        *([2, 2], [1, 1], [1, 1], [1, 1], 1, 0, 255),
    ),
    "linear": (codes(2, 3, 4), weights(8, 4), None, SCALES, 3, 100, 0, 255),
    "linear_float": (codes(2, 3, 4), weights(8, 4), None, SCALES, 3),
    "matmul": (codes(2, 3, 4), codes(4, 5), 1e-3, 1, 2, 3, 0, 255),
    "add": (codes(2, 3, 4, 5), codes(3, 1, 1), 0.5, 0.7, 1, 2, 3, 0, 255),
    "mul": (codes(2, 3, 4, 5).to(memory_format=torch.channels_last), codes(2, 3, 4, 5), 0.5, 1, 2, 3, 0, 255),
    "concat": ([codes(2, 3, 4, 5), codes(2, 6, 4, 5)], [1.0, 0.5], [3, 4], 3, 1),
    "lookup": (codes(2, 3, 4, 5), codes(256)),
    "quantize": (torch.randn(3, 4), 0.1, 3),
    "max_pool": (codes(2, 3, 5, 5), [3, 3], [2, 2], [1, 1], [1, 1], True),
    "adaptive_max_pool": (codes(2, 3, 5, 5), [2, 3]),
    "avg_pool": (codes(2, 3, 5, 5), [3, 3], [2, 2], [1, 1], True, True, None, 0.5, 3, 4),
    "adaptive_avg_pool": (codes(2, 3, 5, 5), [2, 3], 0.5, 3, 4),
    "mean": (codes(2, 3, 4, 5), [2, 3], False, 0.5, 3, 4),
    "softmax": (codes(2, 3, 4, 5), 1, 0.1, 1 / 255, 0),
    "layer_norm": (codes(2, 3, 4), [4], torch.ones(4), None, 1e-5, 0.1, 3, 0.05, 128),
    "linear_wide": (torch.randn(2, 3, 4), weights(8, 4), torch.randn(8), SCALES, 0.01),
    "conv_wide": (torch.randn(2, 4, 5, 6), weights(8, 4, 3, 3), torch.randn(8), SCALES, 0.01, *PLAIN),
    "conv_transpose_wide": (
        *(torch.randn(2, 4, 5, 6), weights(4, 8, 3, 3), None, SCALES, 0.01),
        *([2, 2], [1, 1], [1, 1], [1, 1], 1),
    ),
    "prelu": (codes(2, 3, 4, 5), 0.5, torch.tensor([0.1, 0.0, -2.0]), 100, 20),
    "lstm": (*(torch.randn(5, 2, 8), *torch.randn(2, 2, 2)), weights(8, 2), torch.randn(8), SCALES / 1e3, 1e-4, False),
    "gru": (torch.randn(5, 2, 6), torch.randn(2, 2), weights(6, 2), torch.randn(6), SCALES[:6] / 1e3, 1e-4, True),
    "rnn": (
        *(torch.randn(5, 2, 2), torch.randn(2, 2), weights(2, 2), torch.randn(2), SCALES[:2] / 1e3, 1e-4),
        *(True, False),
    ),
    **{name: plain_call(name) for name in sorted(k.operators.PLAIN)},
}


def functions_of(package: ModuleType) -> set[str]:
    """Those that its own files define."""
    found = {name for name, f in vars(package).items() if getattr(f, "__module__", "").startswith(package.__name__)}
    return {name for name in found if not name.startswith("_")}


def test_every_operation_of_the_reference_is_an_operator():
    tables = {"requantize", "rescale_table", "unary_table"}
    assert set(CALLS) == functions_of(reference) - tables == functions_of(k.operators) | k.operators.PLAIN


@pytest.mark.parametrize("name", CALLS)
def test_tracing_sees_the_shapes_and_strides_that_come(implementation, name):
    operator = getattr(torch.ops.runtime_int8, name).default
    torch.library.opcheck(operator, CALLS[name], test_utils=("test_schema", "test_faketensor"))


@pytest.mark.parametrize("name", CALLS)
def test_operators_compute_what_the_reference_does(implementation, name):
    got, expected = getattr(k, name)(*CALLS[name]), getattr(reference, name)(*CALLS[name])
    torch.testing.assert_close(got, expected, atol=1 if name in FLOAT32_INSIDE else 1e-6, rtol=0)


def test_export_keeps_the_batch_open(implementation):
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", weights(8, 4, 3, 3))
            self.register_buffer("scales", SCALES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = k.conv(x, self.weight, None, self.scales, 3, 100, *PLAIN)
            y = k.add(y, y, 0.5, 0.5, 100, 100, 90)
            y = k.max_pool(y, [2, 2], [2, 2], [0, 0], [1, 1], ceil_mode=True)
            return k.mean(y, [2, 3], False, 1.0, 90, 80)

    net = Net()
    program = torch.export.export(net, (codes(2, 4, 7, 7),), dynamic_shapes=[{0: torch.export.Dim("batch", max=64)}])
    x = codes(5, 4, 7, 7)
    assert torch.equal(program.module()(x), net(x))


def test_compile_traces_through_without_a_break():
    def forward(x: torch.Tensor) -> torch.Tensor:
        return k.softmax(k.matmul(x, x.mT, 1e-3, 3, 4, 100), -1, 0.1, 1 / 255, 0)

    x = codes(2, 5, 6)
    compiled = torch.compile(forward, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), forward(x))


X, W = codes(2, 4, 5, 6), weights(8, 4, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: k.conv(X.int(), W, None, SCALES, 0, 0, *PLAIN), TypeError, "uint8 codes, not torch.int32"),
        (lambda: k.conv(X, W.float(), None, SCALES, 0, 0, *PLAIN), TypeError, "weight must be int8"),
        (lambda: k.conv(X[:, :3], W, None, SCALES, 0, 0, *PLAIN), ValueError, "take 4 channels, not 3"),
        (
            lambda: k.conv(X, W, None, SCALES[:5], 0, 0, *PLAIN),
            TypeError,
            r"multiplier must be float32 of shape \(8,\)",
        ),
        (lambda: k.conv(X, W, SCALES, SCALES, 0, 0, *PLAIN), TypeError, "bias must be int32"),
        (
            lambda: k.conv(X, W, None, SCALES, 256, 0, *PLAIN),
            ValueError,
            "x_zero must be a code from 0 to 255, not 256",
        ),
        (lambda: k.conv(X, W, None, SCALES, 0, 0, *PLAIN, 9, 3), ValueError, "low=9, high=3"),
        (lambda: k.conv(X, W, None, SCALES, 0, 0, [0, 1], *PLAIN[1:]), ValueError, "stride must be 2 numbers"),
        (lambda: k.conv(X, W, None, SCALES, 0, 0, [1, 1], [0, 0], [9, 9], 1), ValueError, "too small"),
        (lambda: k.conv(X, W[:, :, :0], None, SCALES, 0, 0, *PLAIN), ValueError, "weight must have no size of zero"),
        (lambda: k.matmul(X[..., :0], X[..., :0, :], 1.0, 0, 0, 0), ValueError, "a and b must have something to sum"),
        (lambda: k.linear(X, W[0, 0], None, SCALES, 0, 0), ValueError, "x and weight must be"),
        (lambda: k.matmul(X, X, 1.0, 0, 0, 0), ValueError, "a and b must be"),
        (lambda: k.add(X, X, 0.0, 1.0, 0, 0, 0), ValueError, "a_multiplier must be finite and not zero"),
        (lambda: k.concat([X, X[:1]], [1.0, 1.0], [0, 0], 0, 1), ValueError, "does not fit beside"),
        (lambda: k.lookup(X, X[0, 0, 0]), ValueError, "table must hold 256 codes"),
        (lambda: k.max_pool(X, [2, 2], [1, 1], [2, 2], [1, 1], False), ValueError, "at most half the kernel"),
        (lambda: k.mean(X, [4], False, 1.0, 0, 0), ValueError, "dims must name"),
        (lambda: k.quantize(X, 1.0, 0), TypeError, "floating-point"),
    ],
)
def test_wrong_arguments_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def emptied(call: tuple[object, ...], position: int, dim: int) -> tuple[object, ...]:
    """The same arguments, of which one tensor has a size of zero."""
    tensor = call[position]
    assert isinstance(tensor, torch.Tensor)
    return (*call[:position], tensor.narrow(dim, 0, 0), *call[position + 1 :])


EMPTIED = [
    (name, position, dim)
    for name, call in CALLS.items()
    for position, given in enumerate(call)
    if isinstance(given, torch.Tensor)
    for dim in range(given.dim())
]


@pytest.mark.parametrize(("name", "position", "dim"), EMPTIED)
def test_a_size_of_zero_is_refused_or_computed(implementation, name, position, dim):
    """No kernel divides by it."""
    call = emptied(CALLS[name], position, dim)
    try:
        got = getattr(k, name)(*call)
    except (ValueError, TypeError, RuntimeError):
        return
    torch.testing.assert_close(got, getattr(reference, name)(*call), atol=1, rtol=0)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import runtime.kernels as k; {code}"]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120)


def test_the_environment_chooses():
    done = run("print(k.selected())", RUNTIME_KERNELS="reference")
    assert done.stdout.strip() == "reference" and "many times slower than floating point" in done.stderr


def test_an_unknown_name_says_what_there_is():
    message = run("k.selected()", RUNTIME_KERNELS="mmx").stderr
    assert "there are no kernels 'mmx' here" in message
    assert ", ".join(IMPLEMENTATIONS) in message


@pytest.mark.skipif(len(IMPLEMENTATIONS) == 1, reason="torch's own threads do not survive a fork")
def test_a_forked_process_computes_with_threads():
    """The child has none of its parent's workers and must not wait for them."""
    code = """
import os, torch
torch.set_num_threads(2)
x = torch.randint(0, 256, (400, 512), dtype=torch.uint8)
w = torch.randint(-128, 128, (512, 512), dtype=torch.int8)
run = lambda: k.linear(x, w, None, torch.full((512,), 1e-4), 0, 128)
expected = run()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(run(), expected) else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-c", "import runtime.kernels as k" + code], timeout=120)
    assert done.returncode == 0
