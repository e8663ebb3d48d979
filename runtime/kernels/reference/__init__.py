"""What every int8 kernel computes, in plain torch: the specification the native kernels equal bit for bit.

Activations are uint8 with one zero point, weights int8 with one scale a channel, sums exact in int32 (modulo 2**32).
`requantize` is the one way from a sum back to uint8. Nothing here is written for speed.

The operations with a transcendental function inside (softmax, layer norm, the gates of a recurrent step) are the
exception: a native kernel may round their float32 arithmetic differently and differ by one step of the output.
"""

from runtime.kernels.reference.linear import *  # noqa: F403
from runtime.kernels.reference.normalization import *  # noqa: F403
from runtime.kernels.reference.pointwise import *  # noqa: F403
from runtime.kernels.reference.pooling import *  # noqa: F403
from runtime.kernels.reference.recurrent import *  # noqa: F403
from runtime.kernels.reference.scales import *  # noqa: F403
from runtime.kernels.reference.wide import *  # noqa: F403
