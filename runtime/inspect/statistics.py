"""Statistics of what goes into and comes out of each module, call by call, in YAML and back.

Data are gone through twice: first for the range and the mean, then for what is measured from the mean and for
histograms over that range. The YAML has the keys of Distiller's statistics files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from runtime.quantization.calibration import Forward, evaluating, float_tensors, leaf_modules, run_batch

BINS = 128


@dataclass
class TensorStatistics:
    """Of one tensor over all data; `avg_min` and `avg_max` are means over samples of the least and largest element."""

    min: float = math.inf
    max: float = -math.inf
    avg_min: float = 0.0
    avg_max: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    b: float = 0.0
    """The mean distance from the mean: the scale of a Laplace distribution."""
    shape: tuple[int, ...] = ()
    """Of the last tensor seen."""
    total_numel: int = 0
    histogram: list[int] = field(default_factory=list)
    """How many elements lie in each of equal steps from `min` to `max`."""

    def to_plain(self) -> dict[str, Any]:
        return {**vars(self), "shape": str(self.shape), "histogram": " ".join(map(str, self.histogram))}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TensorStatistics:
        """Also of a file without histograms."""
        shape = tuple(int(size) for size in str(plain["shape"]).strip("()").split(",") if size.strip())
        counts = [int(count) for count in str(plain.get("histogram", "")).split()]
        numbers = {key: float(plain[key]) for key in ("min", "max", "avg_min", "avg_max", "mean", "std", "b")}
        return cls(**numbers, shape=shape, total_numel=int(plain["total_numel"]), histogram=counts)


@dataclass
class CallStatistics:
    """Of one call of one module."""

    inputs: list[TensorStatistics] = field(default_factory=list)
    outputs: list[TensorStatistics] = field(default_factory=list)

    @property
    def output(self) -> TensorStatistics:
        return self.outputs[0]

    def to_plain(self) -> dict[str, Any]:
        inputs = {position: one.to_plain() for position, one in enumerate(self.inputs)}
        return {"inputs": inputs, **{_output_key(p): one.to_plain() for p, one in enumerate(self.outputs)}}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> CallStatistics:
        outputs = [plain[_output_key(p)] for p in range(len(plain)) if _output_key(p) in plain]
        inputs = [one for _, one in sorted((plain.get("inputs") or {}).items())]
        read = TensorStatistics.from_plain
        return cls([read(one) for one in inputs], [read(one) for one in outputs])


def activation_statistics(
    model: nn.Module, data: Iterable[Any], forward: Forward | None = None
) -> dict[str, CallStatistics]:
    """By module; the second call of one that runs again is `name:call1`. `data` has to be a list or a DataLoader."""
    if iter(data) is data:
        raise ValueError("data can be gone through only once, but has to be seen twice: pass a list or a DataLoader")
    found: dict[str, CallStatistics] = {}
    for look in (_First(), _Second()):
        with evaluating(model), torch.no_grad(), _watching(model, found, look.add) as begin:
            for batch in data:
                begin()
                (forward or run_batch)(model, batch)
        for call in found.values():
            for one in (*call.inputs, *call.outputs):
                look.finish(one)
    if not found:
        raise ValueError("nothing was seen: the data are empty, or no module of the model was called")
    return found


class _First:
    """Range, averages and mean."""

    def __init__(self) -> None:
        self.samples: Counter[int] = Counter()

    def add(self, one: TensorStatistics, x: Tensor) -> None:
        rows = x.reshape(len(x), -1) if x.dim() else x.reshape(1, 1)
        lows, highs = rows.amin(1).double(), rows.amax(1).double()
        one.min, one.max = min(one.min, lows.min().item()), max(one.max, highs.max().item())
        one.avg_min += lows.sum().item()
        one.avg_max += highs.sum().item()
        one.mean += x.double().sum().item()
        one.total_numel += x.numel()
        one.shape = tuple(x.shape)
        self.samples[id(one)] += len(rows)

    def finish(self, one: TensorStatistics) -> None:
        samples = max(self.samples[id(one)], 1)
        one.avg_min, one.avg_max = one.avg_min / samples, one.avg_max / samples
        one.mean /= max(one.total_numel, 1)


class _Second:
    """Deviations from the mean, and histograms."""

    def add(self, one: TensorStatistics, x: Tensor) -> None:
        distance = x.double() - one.mean
        one.std += distance.square().sum().item()
        one.b += distance.abs().sum().item()
        steps = BINS / (one.max - one.min) if one.max > one.min else 0.0
        place = ((x.double() - one.min) * steps).long().clamp(0, BINS - 1)
        counts = torch.bincount(place.flatten(), minlength=BINS)
        one.histogram = (counts + torch.tensor(one.histogram or [0] * BINS)).tolist()

    def finish(self, one: TensorStatistics) -> None:
        one.std = math.sqrt(one.std / max(one.total_numel, 1))
        one.b /= max(one.total_numel, 1)


@contextmanager
def _watching(
    model: nn.Module, found: dict[str, CallStatistics], add: Callable[[TensorStatistics, Tensor], None]
) -> Iterator[Callable[[], None]]:
    """Hooks on the modules that compute; what they see goes to `add`. Yields what to call before each batch."""
    calls: Counter[str] = Counter()

    def record(entries: list[TensorStatistics], tensors: list[Tensor]) -> None:
        for position, tensor in enumerate(tensors):
            if position == len(entries):
                entries.append(TensorStatistics())
            if tensor.numel():
                add(entries[position], tensor.detach().cpu())

    def key_of(name: str) -> str:
        return f"{name}:call{calls[name]}" if calls[name] else name

    hooks = []
    for name, module in leaf_modules(model).items():

        def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            record(found.setdefault(key_of(name), CallStatistics()).inputs, float_tensors((args, kwargs)))

        def leave(module: nn.Module, args: Any, output: Any, name: str = name) -> None:
            record(found[key_of(name)].outputs, float_tensors(output))
            calls[name] += 1

        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(module.register_forward_hook(leave))
    try:
        yield calls.clear
    finally:
        for hook in hooks:
            hook.remove()


def save_activation_statistics(statistics: Mapping[str, CallStatistics], path: str | Path) -> None:
    """Writes YAML; `load_activation_statistics` returns the same."""
    plain = {name: call.to_plain() for name, call in statistics.items()}
    yaml = _yaml()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    Path(path).write_text(yaml.dump(plain, Dumper=dumper, sort_keys=False, width=120))


def load_activation_statistics(path: str | Path) -> dict[str, CallStatistics]:
    """Reads what `save_activation_statistics` wrote, or a file of Distiller's."""
    yaml = _yaml()
    plain = yaml.load(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(plain, dict):
        raise ValueError(f"{path} holds no statistics: expected modules, each with inputs: and output:")
    found = {}
    for name, entry in plain.items():
        try:
            found[name] = CallStatistics.from_plain(entry)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: the statistics of {name!r} are damaged: {error!r}") from error
    return found


def _output_key(position: int) -> str:
    return f"output{position}" if position else "output"


def _yaml() -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("statistics are kept as YAML, which needs PyYAML: pip install pyyaml") from error
    return yaml
