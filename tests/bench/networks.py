"""The convolutions of well-known networks, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A convolution: channels in and out, kernel, stride, groups, size of its input."""

    cin: int
    cout: int
    kernel: int
    stride: int
    groups: int
    size: int

    @property
    def name(self) -> str:
        kind = "dw" if self.groups > 1 else "conv"
        return f"{kind}{self.kernel}x{self.kernel}/{self.stride} {self.cin}->{self.cout} @{self.size}"

    def flops(self) -> int:
        out = -(-self.size // self.stride)
        return 2 * out * out * self.cout * self.cin // self.groups * self.kernel**2


def resnet(blocks: list[int], bottleneck: bool) -> Iterator[Layer]:
    yield Layer(3, 64, 7, 2, 1, 224)
    channels, size = 64, 56
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for block in range(count):
            stride = 2 if stage and block == 0 else 1
            out = width * 4 if bottleneck else width
            if bottleneck:
                yield Layer(channels, width, 1, 1, 1, size)
                yield Layer(width, width, 3, stride, 1, size)
                yield Layer(width, out, 1, 1, 1, size // stride)
            else:
                yield Layer(channels, width, 3, stride, 1, size)
                yield Layer(width, width, 3, 1, 1, size // stride)
            if stride != 1 or channels != out:
                yield Layer(channels, out, 1, stride, 1, size)
            channels, size = out, size // stride


def mobilenet() -> Iterator[Layer]:
    yield Layer(3, 32, 3, 2, 1, 224)
    channels, size = 32, 112
    for expand, out, count, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for block in range(count):
            step, hidden = stride if block == 0 else 1, channels * expand
            if expand > 1:
                yield Layer(channels, hidden, 1, 1, 1, size)
            yield Layer(hidden, hidden, 3, step, hidden, size)
            channels, size = out, size // step
            yield Layer(hidden, out, 1, 1, 1, size)
    yield Layer(320, 1280, 1, 1, 1, 7)


NETWORKS = {
    "mobilenet_v2": list(mobilenet()),
    "resnet18": list(resnet([2, 2, 2, 2], bottleneck=False)),
    "resnet50": list(resnet([3, 4, 6, 3], bottleneck=True)),
}
