"""Exact int8 kernels for the CPU.

Activations are uint8 codes with one scale and zero point a tensor, weights int8 with one scale an output channel, sums
int32 and exact for every input. `reference` defines each operation in plain torch; the native kernels equal it bit for
bit (softmax and layer norm: within one code; recurrent layers: within some units in the last place).

    import runtime.kernels as k
    y = k.conv(x, weight, bias, multiplier, x_zero, out_zero, [1, 1], [1, 1], [1, 1], groups=1, low=out_zero)

**Functions.** All but the tables are torch operators (`torch.ops.runtime_int8.*`), which torch.compile and torch.export
trace. Scales appear only as ratios: a `multiplier` takes a sum to the codes of the output.

- `conv`, `conv_add` (exactly a conv, then an add), `conv_transpose`, `linear`: `multiplier` is float32 with one entry
  an output channel, x scale * weight scale / out scale; `bias` is int32 at x scale * weight scale, or None. 1 to 3
  spatial dimensions. `low` and `high` are bounds in codes: ReLU is `low=out_zero`. All but conv_add take `negative`,
  the multipliers of sums below zero: PReLU is `multiplier` times its slopes.
- `conv_float`, `conv_transpose_float`, `linear_float`: the same sum times the multiplier x scale * weight scale, left
  in float32.
- `matmul`, `add` (each side has its multiplier; negative subtracts), `mul`, `concat`.
- `max_pool`, `avg_pool`, `adaptive_max_pool`, `adaptive_avg_pool`, `mean`.
- `prelu`, one slope a channel.
- `lookup(x, table)`, with `unary_table` for any function of one number and `rescale_table` for another scale.
- `linear_wide`, `conv_wide`, `conv_transpose_wide`: float32 in and out, on integers of 16 bits in between; so do
  `lstm`, `gru` and `rnn` with states.
- `softmax`, `layer_norm`; `quantize`, `dequantize`.

Results of image operations lie in memory with their channels side by side (torch.channels_last). Inputs in that layout,
and slices of their channels, are read in place; others are copied first.

**Implementations.** `available()` names those that run here; the fastest serves. `select(name)`, or RUNTIME_KERNELS in
the environment, chooses another: reference, portable, avx2, avx512vnni. They are compiled at their first use, or by
`python -m runtime build`; where there is no compiler, a warning says so and the reference serves. Threads follow
torch.get_num_threads().

**C interface.** source/abi.h, for callers that run many kernels at once: one struct a kernel, no torch, no Python.
`native.library.load()` returns the ctypes library, `native.abi` the structs, `native.weights.Packed(...).handle` packed
weights, which serve the implementation that was selected when they were packed.
"""

from typing import Any

from runtime.kernels import operators
from runtime.kernels.dispatch import available as available
from runtime.kernels.dispatch import select as select
from runtime.kernels.dispatch import selected as selected
from runtime.kernels.operators import *  # noqa: F403
from runtime.kernels.reference import rescale_table as rescale_table
from runtime.kernels.reference import unary_table as unary_table


def __getattr__(name: str) -> Any:
    """The operators that treat every element alike."""
    return getattr(operators, name)
