"""Packed weights, kept beside the tensors they were made from."""

import weakref
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from runtime.kernels.native import abi, library


class Packed:
    """Weights in the layout of one instruction set; freed with this object."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        groups: int,
        x_zero: int,
        plain_3x3: bool = False,
        rows: int = 0,
    ) -> None:
        """`weight` is (columns of all groups, channels of one group, taps...), int8.

        `plain_3x3` promises two-dimensional convolutions of 3 x 3 with stride and dilation 1, which may be faster.
        `rows` is how many outputs the first use has: what suits few of them best, any number may use later.
        """
        weight = weight.contiguous()
        columns, channels, taps = weight.shape[0], weight.shape[1], weight[0, 0].numel()
        bias = None if bias is None else bias.contiguous()
        arguments = abi.arguments("pack")(
            weight=weight.data_ptr(),
            column_stride=channels * taps,
            tap_stride=1,
            channel_stride=taps,
            bias=None if bias is None else bias.data_ptr(),
            groups=groups,
            columns=columns // groups,
            taps=taps,
            channels=channels,
            tap_width=weight.shape[-1],
            x_zero=x_zero,
            plain_3x3=plain_3x3,
            rows=rows,
        )
        native = library.load()
        assert native is not None
        self.handle: int | None = native.rk_pack(arguments)
        if self.handle is None:
            raise MemoryError(f"no memory to pack weights of shape {tuple(weight.shape)}")
        weakref.finalize(self, native.rk_free, self.handle)


class _Key(NamedTuple):
    """What packed weights depend on besides the weight tensor itself."""

    version: int
    bias: int | None
    bias_version: int
    geometry: tuple[object, ...]
    instructions: bytes


T = TypeVar("T")
_cache = WeakIdKeyDictionary()


def cached(weight: Tensor, bias: Tensor | None, geometry: tuple[object, ...], make: Callable[[], T]) -> T:
    """What `make()` returned for this very tensor in its present version, or a new one."""
    native = library.load()
    assert native is not None
    bias_key = None if bias is None else id(bias)
    key = _Key(_version(weight), bias_key, _version(bias), geometry, native.rk_selected())
    entry = _cache.get(weight)  # type: ignore[no-untyped-call]
    if entry is None or entry[0] != key:
        entry = (key, make(), bias)  # holding the bias keeps its id from being given away
        _cache[weight] = entry
    library.keep(entry[1])
    return cast(T, entry[1])


def _version(tensor: Tensor | None) -> int:
    """Counts changes in place; tensors made in inference mode do not count and are taken not to change."""
    return 0 if tensor is None or tensor.is_inference() else int(tensor._version)
