# Written by `python -m runtime.modules.stub` from the catalogue. Do not edit.
from typing import Any

from runtime.modules.base import InplaceOperation, Operation
from runtime.modules.special import Eltwise, Join

OPERATIONS: dict[str, type[Operation]]

class Abs(InplaceOperation):
    """`torch.abs(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Acos(InplaceOperation):
    """`torch.acos(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Acosh(InplaceOperation):
    """`torch.acosh(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class AdaptiveMaxPool1dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool1d_with_indices(input)`."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class AdaptiveMaxPool2dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool2d_with_indices(input)`."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class AdaptiveMaxPool3dWithIndices(Operation):
    """`torch.nn.functional.adaptive_max_pool3d_with_indices(input)`."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class AddBMM(InplaceOperation):
    """`torch.addbmm(input, batch1, batch2)`."""
    def __init__(self, beta: Any = ..., alpha: Any = ..., inplace: Any = ...) -> None: ...

class AddCDiv(InplaceOperation):
    """`torch.addcdiv(input, tensor1, tensor2)`."""
    def __init__(self, value: Any = ..., inplace: Any = ...) -> None: ...

class AddCMul(InplaceOperation):
    """`torch.addcmul(input, tensor1, tensor2)`."""
    def __init__(self, value: Any = ..., inplace: Any = ...) -> None: ...

class AddMM(InplaceOperation):
    """`torch.addmm(input, mat1, mat2)`."""
    def __init__(self, beta: Any = ..., alpha: Any = ..., inplace: Any = ...) -> None: ...

class AddMV(InplaceOperation):
    """`torch.addmv(input, mat, vec)`."""
    def __init__(self, beta: Any = ..., alpha: Any = ..., inplace: Any = ...) -> None: ...

class AffineGrid(Operation):
    """`torch.nn.functional.affine_grid(theta)`."""
    def __init__(self, size: Any = ..., align_corners: Any = ...) -> None: ...

class Amax(Operation):
    """`torch.amax(input)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ...) -> None: ...

class Amin(Operation):
    """`torch.amin(input)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ...) -> None: ...

class Asin(InplaceOperation):
    """`torch.asin(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Asinh(InplaceOperation):
    """`torch.asinh(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Atan(InplaceOperation):
    """`torch.atan(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Atan2(Operation):
    """`torch.atan2(input, other)`."""
    def __init__(self) -> None: ...

class Atanh(InplaceOperation):
    """`torch.atanh(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class BAddBMM(InplaceOperation):
    """`torch.baddbmm(input, batch1, batch2)`."""
    def __init__(self, beta: Any = ..., alpha: Any = ..., inplace: Any = ...) -> None: ...

class BatchMatmul(Operation):
    """`torch.bmm(input, mat2)`."""
    def __init__(self) -> None: ...

class Ceil(InplaceOperation):
    """`torch.ceil(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Chunk(Operation):
    """`torch.chunk(input)`."""
    def __init__(self, chunks: Any = ..., dim: Any = ...) -> None: ...

class Clamp(InplaceOperation):
    """`torch.clamp(input)`."""
    def __init__(self, min: Any = ..., max: Any = ..., inplace: Any = ...) -> None: ...

class ClampMax(InplaceOperation):
    """`torch.clamp_max(input)`."""
    def __init__(self, max: Any = ..., inplace: Any = ...) -> None: ...

class ClampMin(InplaceOperation):
    """`torch.clamp_min(input)`."""
    def __init__(self, min: Any = ..., inplace: Any = ...) -> None: ...

class Concat(Join):
    """`torch.cat(*tensors)`."""
    def __init__(self, dim: Any = ...) -> None: ...

class ConvTBC(Operation):
    """`torch.nn.functional.conv_tbc(input, weight, bias)`."""
    def __init__(self, pad: Any = ...) -> None: ...

class CopySign(Operation):
    """`torch.copysign(input, other)`."""
    def __init__(self) -> None: ...

class Cos(InplaceOperation):
    """`torch.cos(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Cosh(InplaceOperation):
    """`torch.cosh(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Cumprod(InplaceOperation):
    """`torch.cumprod(input)`."""
    def __init__(self, dim: Any = ..., dtype: Any = ..., inplace: Any = ...) -> None: ...

class Cumsum(InplaceOperation):
    """`torch.cumsum(input)`."""
    def __init__(self, dim: Any = ..., dtype: Any = ..., inplace: Any = ...) -> None: ...

class DStack(Join):
    """`torch.dstack(*tensors)`."""
    def __init__(self) -> None: ...

class Deg2Rad(InplaceOperation):
    """`torch.deg2rad(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Digamma(InplaceOperation):
    """`torch.digamma(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Dot(Operation):
    """`torch.dot(input, tensor)`."""
    def __init__(self) -> None: ...

class Einsum(Operation):
    """`torch.einsum(operands)`."""
    def __init__(self, equation: Any = ...) -> None: ...

class EltWiseAdd(Eltwise):
    """`a + b`, or `torch.add(input, other)`."""
    def __init__(self, inplace: Any = ..., alpha: Any = ...) -> None: ...

class EltWiseDiv(Eltwise):
    """`a / b`, or `torch.div(input, other)`."""
    def __init__(self, inplace: Any = ..., rounding_mode: Any = ...) -> None: ...

class EltWiseMult(Eltwise):
    """`a * b`, or `torch.mul(input, other)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class EltWiseSub(Eltwise):
    """`a - b`, or `torch.sub(input, other)`."""
    def __init__(self, inplace: Any = ..., alpha: Any = ...) -> None: ...

class Erf(InplaceOperation):
    """`torch.erf(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class ErfInv(InplaceOperation):
    """`torch.erfinv(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Erfc(InplaceOperation):
    """`torch.erfc(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Exp(InplaceOperation):
    """`torch.exp(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Exp2(InplaceOperation):
    """`torch.exp2(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Expm1(InplaceOperation):
    """`torch.expm1(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Floor(InplaceOperation):
    """`torch.floor(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FloorDivide(Eltwise):
    """`a // b`, or `torch.floor_divide(input, other)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Fmax(Operation):
    """`torch.fmax(input, other)`."""
    def __init__(self) -> None: ...

class Fmin(Operation):
    """`torch.fmin(input, other)`."""
    def __init__(self) -> None: ...

class Fmod(InplaceOperation):
    """`torch.fmod(input, other)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Frac(InplaceOperation):
    """`torch.frac(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FractionalMaxPool2d(Operation):
    """`torch.nn.functional.fractional_max_pool2d(input)`."""
    def __init__(self, kernel_size: Any = ..., output_size: Any = ..., output_ratio: Any = ..., return_indices: Any = ..., _random_samples: Any = ...) -> None: ...

class FractionalMaxPool2dWithIndices(Operation):
    """`torch.nn.functional.fractional_max_pool2d_with_indices(input)`."""
    def __init__(self, kernel_size: Any = ..., output_size: Any = ..., output_ratio: Any = ..., return_indices: Any = ..., _random_samples: Any = ...) -> None: ...

class FractionalMaxPool3d(Operation):
    """`torch.nn.functional.fractional_max_pool3d(input)`."""
    def __init__(self, kernel_size: Any = ..., output_size: Any = ..., output_ratio: Any = ..., return_indices: Any = ..., _random_samples: Any = ...) -> None: ...

class FractionalMaxPool3dWithIndices(Operation):
    """`torch.nn.functional.fractional_max_pool3d_with_indices(input)`."""
    def __init__(self, kernel_size: Any = ..., output_size: Any = ..., output_ratio: Any = ..., return_indices: Any = ..., _random_samples: Any = ...) -> None: ...

class FunctionalAdaptiveAvgPool1d(Operation):
    """`torch.nn.functional.adaptive_avg_pool1d(input)`: takes at each call what `nn.AdaptiveAvgPool1d` fixes or owns."""
    def __init__(self, output_size: Any = ...) -> None: ...

class FunctionalAdaptiveAvgPool2d(Operation):
    """`torch.nn.functional.adaptive_avg_pool2d(input)`: takes at each call what `nn.AdaptiveAvgPool2d` fixes or owns."""
    def __init__(self, output_size: Any = ...) -> None: ...

class FunctionalAdaptiveAvgPool3d(Operation):
    """`torch.nn.functional.adaptive_avg_pool3d(input)`: takes at each call what `nn.AdaptiveAvgPool3d` fixes or owns."""
    def __init__(self, output_size: Any = ...) -> None: ...

class FunctionalAdaptiveMaxPool1d(Operation):
    """`torch.nn.functional.adaptive_max_pool1d(input)`: takes at each call what `nn.AdaptiveMaxPool1d` fixes or owns."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalAdaptiveMaxPool2d(Operation):
    """`torch.nn.functional.adaptive_max_pool2d(input)`: takes at each call what `nn.AdaptiveMaxPool2d` fixes or owns."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalAdaptiveMaxPool3d(Operation):
    """`torch.nn.functional.adaptive_max_pool3d(input)`: takes at each call what `nn.AdaptiveMaxPool3d` fixes or owns."""
    def __init__(self, output_size: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalAlphaDropout(Operation):
    """`torch.nn.functional.alpha_dropout(input)`: takes at each call what `nn.AlphaDropout` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalAvgPool1d(Operation):
    """`torch.nn.functional.avg_pool1d(input)`: takes at each call what `nn.AvgPool1d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., ceil_mode: Any = ..., count_include_pad: Any = ...) -> None: ...

class FunctionalAvgPool2d(Operation):
    """`torch.nn.functional.avg_pool2d(input)`: takes at each call what `nn.AvgPool2d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., ceil_mode: Any = ..., count_include_pad: Any = ..., divisor_override: Any = ...) -> None: ...

class FunctionalAvgPool3d(Operation):
    """`torch.nn.functional.avg_pool3d(input)`: takes at each call what `nn.AvgPool3d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., ceil_mode: Any = ..., count_include_pad: Any = ..., divisor_override: Any = ...) -> None: ...

class FunctionalBatchNorm(Operation):
    """`torch.nn.functional.batch_norm(input)`: takes at each call what `nn.BatchNorm1d` fixes or owns."""
    def __init__(self, running_mean: Any = ..., running_var: Any = ..., weight: Any = ..., bias: Any = ..., training: Any = ..., momentum: Any = ..., eps: Any = ...) -> None: ...

class FunctionalBilinear(Operation):
    """`torch.nn.functional.bilinear(input1, input2, weight)`: takes at each call what `nn.Bilinear` fixes or owns."""
    def __init__(self, bias: Any = ...) -> None: ...

class FunctionalCELU(Operation):
    """`torch.nn.functional.celu(input)`: takes at each call what `nn.CELU` fixes or owns."""
    def __init__(self, alpha: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalChannelShuffle(Operation):
    """`torch.nn.functional.channel_shuffle(input)`: takes at each call what `nn.ChannelShuffle` fixes or owns."""
    def __init__(self, groups: Any = ...) -> None: ...

class FunctionalConv1d(Operation):
    """`torch.nn.functional.conv1d(input, weight)`: takes at each call what `nn.Conv1d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., groups: Any = ...) -> None: ...

class FunctionalConv2d(Operation):
    """`torch.nn.functional.conv2d(input, weight)`: takes at each call what `nn.Conv2d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., groups: Any = ...) -> None: ...

class FunctionalConv3d(Operation):
    """`torch.nn.functional.conv3d(input, weight)`: takes at each call what `nn.Conv3d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., groups: Any = ...) -> None: ...

class FunctionalConvTranspose1d(Operation):
    """`torch.nn.functional.conv_transpose1d(input, weight)`: takes at each call what `nn.ConvTranspose1d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., output_padding: Any = ..., groups: Any = ..., dilation: Any = ...) -> None: ...

class FunctionalConvTranspose2d(Operation):
    """`torch.nn.functional.conv_transpose2d(input, weight)`: takes at each call what `nn.ConvTranspose2d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., output_padding: Any = ..., groups: Any = ..., dilation: Any = ...) -> None: ...

class FunctionalConvTranspose3d(Operation):
    """`torch.nn.functional.conv_transpose3d(input, weight)`: takes at each call what `nn.ConvTranspose3d` fixes or owns."""
    def __init__(self, bias: Any = ..., stride: Any = ..., padding: Any = ..., output_padding: Any = ..., groups: Any = ..., dilation: Any = ...) -> None: ...

class FunctionalCosineSimilarity(Operation):
    """`torch.nn.functional.cosine_similarity(x1, x2)`: takes at each call what `nn.CosineSimilarity` fixes or owns."""
    def __init__(self, dim: Any = ..., eps: Any = ...) -> None: ...

class FunctionalDropout(Operation):
    """`torch.nn.functional.dropout(input)`: takes at each call what `nn.Dropout` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalDropout1d(Operation):
    """`torch.nn.functional.dropout1d(input)`: takes at each call what `nn.Dropout1d` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalDropout2d(Operation):
    """`torch.nn.functional.dropout2d(input)`: takes at each call what `nn.Dropout2d` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalDropout3d(Operation):
    """`torch.nn.functional.dropout3d(input)`: takes at each call what `nn.Dropout3d` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalELU(Operation):
    """`torch.nn.functional.elu(input)`: takes at each call what `nn.ELU` fixes or owns."""
    def __init__(self, alpha: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalEmbedding(Operation):
    """`torch.nn.functional.embedding(input, weight)`: takes at each call what `nn.Embedding` fixes or owns."""
    def __init__(self, padding_idx: Any = ..., max_norm: Any = ..., norm_type: Any = ..., scale_grad_by_freq: Any = ..., sparse: Any = ...) -> None: ...

class FunctionalEmbeddingBag(Operation):
    """`torch.nn.functional.embedding_bag(input, weight)`: takes at each call what `nn.EmbeddingBag` fixes or owns."""
    def __init__(self, offsets: Any = ..., max_norm: Any = ..., norm_type: Any = ..., scale_grad_by_freq: Any = ..., mode: Any = ..., sparse: Any = ..., per_sample_weights: Any = ..., include_last_offset: Any = ..., padding_idx: Any = ...) -> None: ...

class FunctionalFeatureAlphaDropout(Operation):
    """`torch.nn.functional.feature_alpha_dropout(input)`: takes at each call what `nn.FeatureAlphaDropout` fixes or owns."""
    def __init__(self, p: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalFold(Operation):
    """`torch.nn.functional.fold(input)`: takes at each call what `nn.Fold` fixes or owns."""
    def __init__(self, output_size: Any = ..., kernel_size: Any = ..., dilation: Any = ..., padding: Any = ..., stride: Any = ...) -> None: ...

class FunctionalGELU(Operation):
    """`torch.nn.functional.gelu(input)`: takes at each call what `nn.GELU` fixes or owns."""
    def __init__(self, approximate: Any = ...) -> None: ...

class FunctionalGLU(Operation):
    """`torch.nn.functional.glu(input)`: takes at each call what `nn.GLU` fixes or owns."""
    def __init__(self, dim: Any = ...) -> None: ...

class FunctionalGroupNorm(Operation):
    """`torch.nn.functional.group_norm(input)`: takes at each call what `nn.GroupNorm` fixes or owns."""
    def __init__(self, num_groups: Any = ..., weight: Any = ..., bias: Any = ..., eps: Any = ...) -> None: ...

class FunctionalHardshrink(Operation):
    """`torch.nn.functional.hardshrink(input)`: takes at each call what `nn.Hardshrink` fixes or owns."""
    def __init__(self, lambd: Any = ...) -> None: ...

class FunctionalHardsigmoid(Operation):
    """`torch.nn.functional.hardsigmoid(input)`: takes at each call what `nn.Hardsigmoid` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalHardswish(Operation):
    """`torch.nn.functional.hardswish(input)`: takes at each call what `nn.Hardswish` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalHardtanh(Operation):
    """`torch.nn.functional.hardtanh(input)`: takes at each call what `nn.Hardtanh` fixes or owns."""
    def __init__(self, min_val: Any = ..., max_val: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalInstanceNorm(Operation):
    """`torch.nn.functional.instance_norm(input)`: takes at each call what `nn.InstanceNorm1d` fixes or owns."""
    def __init__(self, running_mean: Any = ..., running_var: Any = ..., weight: Any = ..., bias: Any = ..., use_input_stats: Any = ..., momentum: Any = ..., eps: Any = ...) -> None: ...

class FunctionalLPPool1d(Operation):
    """`torch.nn.functional.lp_pool1d(input)`: takes at each call what `nn.LPPool1d` fixes or owns."""
    def __init__(self, norm_type: Any = ..., kernel_size: Any = ..., stride: Any = ..., ceil_mode: Any = ...) -> None: ...

class FunctionalLPPool2d(Operation):
    """`torch.nn.functional.lp_pool2d(input)`: takes at each call what `nn.LPPool2d` fixes or owns."""
    def __init__(self, norm_type: Any = ..., kernel_size: Any = ..., stride: Any = ..., ceil_mode: Any = ...) -> None: ...

class FunctionalLPPool3d(Operation):
    """`torch.nn.functional.lp_pool3d(input)`: takes at each call what `nn.LPPool3d` fixes or owns."""
    def __init__(self, norm_type: Any = ..., kernel_size: Any = ..., stride: Any = ..., ceil_mode: Any = ...) -> None: ...

class FunctionalLayerNorm(Operation):
    """`torch.nn.functional.layer_norm(input)`: takes at each call what `nn.LayerNorm` fixes or owns."""
    def __init__(self, normalized_shape: Any = ..., weight: Any = ..., bias: Any = ..., eps: Any = ...) -> None: ...

class FunctionalLeakyReLU(Operation):
    """`torch.nn.functional.leaky_relu(input)`: takes at each call what `nn.LeakyReLU` fixes or owns."""
    def __init__(self, negative_slope: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalLinear(Operation):
    """`torch.nn.functional.linear(input, weight)`: takes at each call what `nn.Linear` fixes or owns."""
    def __init__(self, bias: Any = ...) -> None: ...

class FunctionalLocalResponseNorm(Operation):
    """`torch.nn.functional.local_response_norm(input)`: takes at each call what `nn.LocalResponseNorm` fixes or owns."""
    def __init__(self, size: Any = ..., alpha: Any = ..., beta: Any = ..., k: Any = ...) -> None: ...

class FunctionalLogSigmoid(Operation):
    """`torch.nn.functional.logsigmoid(input)`: takes at each call what `nn.LogSigmoid` fixes or owns."""
    def __init__(self) -> None: ...

class FunctionalLogSoftmax(Operation):
    """`torch.nn.functional.log_softmax(input)`: takes at each call what `nn.LogSoftmax` fixes or owns."""
    def __init__(self, dim: Any = ..., _stacklevel: Any = ..., dtype: Any = ...) -> None: ...

class FunctionalMaxPool1d(Operation):
    """`torch.nn.functional.max_pool1d(input)`: takes at each call what `nn.MaxPool1d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalMaxPool2d(Operation):
    """`torch.nn.functional.max_pool2d(input)`: takes at each call what `nn.MaxPool2d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalMaxPool3d(Operation):
    """`torch.nn.functional.max_pool3d(input)`: takes at each call what `nn.MaxPool3d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class FunctionalMaxUnpool1d(Operation):
    """`torch.nn.functional.max_unpool1d(input, indices)`: takes at each call what `nn.MaxUnpool1d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., output_size: Any = ...) -> None: ...

class FunctionalMaxUnpool2d(Operation):
    """`torch.nn.functional.max_unpool2d(input, indices)`: takes at each call what `nn.MaxUnpool2d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., output_size: Any = ...) -> None: ...

class FunctionalMaxUnpool3d(Operation):
    """`torch.nn.functional.max_unpool3d(input, indices)`: takes at each call what `nn.MaxUnpool3d` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., output_size: Any = ...) -> None: ...

class FunctionalMish(Operation):
    """`torch.nn.functional.mish(input)`: takes at each call what `nn.Mish` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalPReLU(Operation):
    """`torch.nn.functional.prelu(input, weight)`: takes at each call what `nn.PReLU` fixes or owns."""
    def __init__(self) -> None: ...

class FunctionalPairwiseDistance(Operation):
    """`torch.nn.functional.pairwise_distance(x1, x2)`: takes at each call what `nn.PairwiseDistance` fixes or owns."""
    def __init__(self, p: Any = ..., eps: Any = ..., keepdim: Any = ...) -> None: ...

class FunctionalPixelShuffle(Operation):
    """`torch.nn.functional.pixel_shuffle(input)`: takes at each call what `nn.PixelShuffle` fixes or owns."""
    def __init__(self, upscale_factor: Any = ...) -> None: ...

class FunctionalPixelUnshuffle(Operation):
    """`torch.nn.functional.pixel_unshuffle(input)`: takes at each call what `nn.PixelUnshuffle` fixes or owns."""
    def __init__(self, downscale_factor: Any = ...) -> None: ...

class FunctionalRMSNorm(Operation):
    """`torch.nn.functional.rms_norm(input)`: takes at each call what `nn.RMSNorm` fixes or owns."""
    def __init__(self, normalized_shape: Any = ..., weight: Any = ..., eps: Any = ...) -> None: ...

class FunctionalRReLU(Operation):
    """`torch.nn.functional.rrelu(input)`: takes at each call what `nn.RReLU` fixes or owns."""
    def __init__(self, lower: Any = ..., upper: Any = ..., training: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalReLU(Operation):
    """`torch.nn.functional.relu(input)`: takes at each call what `nn.ReLU` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalReLU6(Operation):
    """`torch.nn.functional.relu6(input)`: takes at each call what `nn.ReLU6` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalSELU(Operation):
    """`torch.nn.functional.selu(input)`: takes at each call what `nn.SELU` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalSiLU(Operation):
    """`torch.nn.functional.silu(input)`: takes at each call what `nn.SiLU` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalSigmoid(InplaceOperation):
    """`torch.sigmoid(input)`: takes at each call what `nn.Sigmoid` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalSoftmax(Operation):
    """`torch.nn.functional.softmax(input)`: takes at each call what `nn.Softmax` fixes or owns."""
    def __init__(self, dim: Any = ..., _stacklevel: Any = ..., dtype: Any = ...) -> None: ...

class FunctionalSoftmin(Operation):
    """`torch.nn.functional.softmin(input)`: takes at each call what `nn.Softmin` fixes or owns."""
    def __init__(self, dim: Any = ..., _stacklevel: Any = ..., dtype: Any = ...) -> None: ...

class FunctionalSoftplus(Operation):
    """`torch.nn.functional.softplus(input)`: takes at each call what `nn.Softplus` fixes or owns."""
    def __init__(self, beta: Any = ..., threshold: Any = ...) -> None: ...

class FunctionalSoftshrink(Operation):
    """`torch.nn.functional.softshrink(input)`: takes at each call what `nn.Softshrink` fixes or owns."""
    def __init__(self, lambd: Any = ...) -> None: ...

class FunctionalSoftsign(Operation):
    """`torch.nn.functional.softsign(input)`: takes at each call what `nn.Softsign` fixes or owns."""
    def __init__(self) -> None: ...

class FunctionalTanh(InplaceOperation):
    """`torch.tanh(input)`: takes at each call what `nn.Tanh` fixes or owns."""
    def __init__(self, inplace: Any = ...) -> None: ...

class FunctionalTanhshrink(Operation):
    """`torch.nn.functional.tanhshrink(input)`: takes at each call what `nn.Tanhshrink` fixes or owns."""
    def __init__(self) -> None: ...

class FunctionalThreshold(Operation):
    """`torch.nn.functional.threshold(input)`: takes at each call what `nn.Threshold` fixes or owns."""
    def __init__(self, threshold: Any = ..., value: Any = ..., inplace: Any = ...) -> None: ...

class FunctionalUnfold(Operation):
    """`torch.nn.functional.unfold(input)`: takes at each call what `nn.Unfold` fixes or owns."""
    def __init__(self, kernel_size: Any = ..., dilation: Any = ..., padding: Any = ..., stride: Any = ...) -> None: ...

class FunctionalUpsample(Operation):
    """`torch.nn.functional.upsample(input)`."""
    def __init__(self, size: Any = ..., scale_factor: Any = ..., mode: Any = ..., align_corners: Any = ...) -> None: ...

class FunctionalUpsamplingBilinear2d(Operation):
    """`torch.nn.functional.upsample_bilinear(input)`: takes at each call what `nn.UpsamplingBilinear2d` fixes or owns."""
    def __init__(self, size: Any = ..., scale_factor: Any = ...) -> None: ...

class FunctionalUpsamplingNearest2d(Operation):
    """`torch.nn.functional.upsample_nearest(input)`: takes at each call what `nn.UpsamplingNearest2d` fixes or owns."""
    def __init__(self, size: Any = ..., scale_factor: Any = ...) -> None: ...

class GridSample(Operation):
    """`torch.nn.functional.grid_sample(input, grid)`."""
    def __init__(self, mode: Any = ..., padding_mode: Any = ..., align_corners: Any = ...) -> None: ...

class GumbelSoftmax(Operation):
    """`torch.nn.functional.gumbel_softmax(logits)`."""
    def __init__(self, tau: Any = ..., hard: Any = ..., eps: Any = ..., dim: Any = ...) -> None: ...

class HStack(Join):
    """`torch.hstack(*tensors)`."""
    def __init__(self) -> None: ...

class Hypot(Operation):
    """`torch.hypot(input, other)`."""
    def __init__(self) -> None: ...

class I0(InplaceOperation):
    """`torch.i0(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Inner(Operation):
    """`torch.inner(input, other)`."""
    def __init__(self) -> None: ...

class Interpolate(Operation):
    """`torch.nn.functional.interpolate(input)`: takes at each call what `nn.Upsample` fixes or owns."""
    def __init__(self, size: Any = ..., scale_factor: Any = ..., mode: Any = ..., align_corners: Any = ..., recompute_scale_factor: Any = ..., antialias: Any = ...) -> None: ...

class LGamma(InplaceOperation):
    """`torch.lgamma(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Lerp(InplaceOperation):
    """`torch.lerp(input, end, weight)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class LinalgNorm(Operation):
    """`torch.linalg.norm(input)`."""
    def __init__(self, ord: Any = ..., dim: Any = ..., keepdim: Any = ..., dtype: Any = ...) -> None: ...

class Log(InplaceOperation):
    """`torch.log(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Log10(InplaceOperation):
    """`torch.log10(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Log1p(InplaceOperation):
    """`torch.log1p(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Log2(InplaceOperation):
    """`torch.log2(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class LogAddExp(Operation):
    """`torch.logaddexp(input, other)`."""
    def __init__(self) -> None: ...

class LogAddExp2(Operation):
    """`torch.logaddexp2(input, other)`."""
    def __init__(self) -> None: ...

class LogSumExp(Operation):
    """`torch.logsumexp(input)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ...) -> None: ...

class MM(Operation):
    """`torch.mm(input, mat2)`."""
    def __init__(self) -> None: ...

class MV(Operation):
    """`torch.mv(input, vec)`."""
    def __init__(self) -> None: ...

class MaskedFill(InplaceOperation):
    """`torch.masked_fill(input, mask, value)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Matmul(Eltwise):
    """`a @ b`, or `torch.matmul(input, other)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Max(Operation):
    """`torch.max(input, other)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ...) -> None: ...

class MaxPool1dWithIndices(Operation):
    """`torch.nn.functional.max_pool1d_with_indices(input)`."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class MaxPool2dWithIndices(Operation):
    """`torch.nn.functional.max_pool2d_with_indices(input)`."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class MaxPool3dWithIndices(Operation):
    """`torch.nn.functional.max_pool3d_with_indices(input)`."""
    def __init__(self, kernel_size: Any = ..., stride: Any = ..., padding: Any = ..., dilation: Any = ..., ceil_mode: Any = ..., return_indices: Any = ...) -> None: ...

class Maximum(Operation):
    """`torch.maximum(input, other)`."""
    def __init__(self) -> None: ...

class Mean(Operation):
    """`torch.mean(input)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ..., dtype: Any = ...) -> None: ...

class Min(Operation):
    """`torch.min(input, other)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ...) -> None: ...

class Minimum(Operation):
    """`torch.minimum(input, other)`."""
    def __init__(self) -> None: ...

class MultiHeadAttentionForward(Operation):
    """`torch.nn.functional.multi_head_attention_forward(query, key, value)`."""
    def __init__(self, embed_dim_to_check: Any = ..., num_heads: Any = ..., in_proj_weight: Any = ..., in_proj_bias: Any = ..., bias_k: Any = ..., bias_v: Any = ..., add_zero_attn: Any = ..., dropout_p: Any = ..., out_proj_weight: Any = ..., out_proj_bias: Any = ..., training: Any = ..., key_padding_mask: Any = ..., need_weights: Any = ..., attn_mask: Any = ..., use_separate_proj_weight: Any = ..., q_proj_weight: Any = ..., k_proj_weight: Any = ..., v_proj_weight: Any = ..., static_k: Any = ..., static_v: Any = ..., average_attn_weights: Any = ..., is_causal: Any = ...) -> None: ...

class NanToNum(InplaceOperation):
    """`torch.nan_to_num(input)`."""
    def __init__(self, nan: Any = ..., posinf: Any = ..., neginf: Any = ..., inplace: Any = ...) -> None: ...

class NativeChannelShuffle(Operation):
    """`torch.nn.functional.native_channel_shuffle(input)`."""
    def __init__(self, groups: Any = ...) -> None: ...

class Neg(InplaceOperation):
    """`torch.neg(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Norm(Operation):
    """`torch.norm(input)`."""
    def __init__(self, p: Any = ..., dim: Any = ..., keepdim: Any = ..., dtype: Any = ...) -> None: ...

class Normalize(Operation):
    """`torch.nn.functional.normalize(input)`."""
    def __init__(self, p: Any = ..., dim: Any = ..., eps: Any = ...) -> None: ...

class Outer(Operation):
    """`torch.outer(input, vec2)`."""
    def __init__(self) -> None: ...

class Pad(Operation):
    """`torch.nn.functional.pad(input)`: takes at each call what `nn.CircularPad1d` fixes or owns."""
    def __init__(self, pad: Any = ..., mode: Any = ..., value: Any = ...) -> None: ...

class Pdist(Operation):
    """`torch.nn.functional.pdist(input)`."""
    def __init__(self, p: Any = ...) -> None: ...

class Pow(Eltwise):
    """`a ** b`, or `torch.pow(input, exponent)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Prod(Operation):
    """`torch.prod(input)`."""
    def __init__(self, dtype: Any = ..., dim: Any = ..., keepdim: Any = ...) -> None: ...

class Rad2Deg(InplaceOperation):
    """`torch.rad2deg(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Reciprocal(InplaceOperation):
    """`torch.reciprocal(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Remainder(Eltwise):
    """`a % b`, or `torch.remainder(input, other)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class ReverseSub(Operation):
    """`torch.rsub(input, other)`."""
    def __init__(self, alpha: Any = ...) -> None: ...

class Round(InplaceOperation):
    """`torch.round(input)`."""
    def __init__(self, decimals: Any = ..., inplace: Any = ...) -> None: ...

class Rsqrt(InplaceOperation):
    """`torch.rsqrt(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class ScaledDotProductAttention(Operation):
    """`torch.nn.functional.scaled_dot_product_attention(query, key, value)`."""
    def __init__(self, attn_mask: Any = ..., dropout_p: Any = ..., is_causal: Any = ..., scale: Any = ..., enable_gqa: Any = ...) -> None: ...

class Sgn(InplaceOperation):
    """`torch.sgn(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Sign(InplaceOperation):
    """`torch.sign(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Sin(InplaceOperation):
    """`torch.sin(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Sinc(InplaceOperation):
    """`torch.sinc(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Sinh(InplaceOperation):
    """`torch.sinh(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Split(Operation):
    """`torch.split(tensor)`."""
    def __init__(self, split_size_or_sections: Any = ..., dim: Any = ..., split_size: Any = ...) -> None: ...

class Sqrt(InplaceOperation):
    """`torch.sqrt(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Square(InplaceOperation):
    """`torch.square(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class Stack(Join):
    """`torch.stack(*tensors)`."""
    def __init__(self, dim: Any = ...) -> None: ...

class Std(Operation):
    """`torch.std(input)`."""
    def __init__(self, dim: Any = ..., correction: Any = ..., keepdim: Any = ..., unbiased: Any = ...) -> None: ...

class Sum(Operation):
    """`torch.sum(input)`."""
    def __init__(self, dim: Any = ..., keepdim: Any = ..., dtype: Any = ...) -> None: ...

class SumOf(Operation):
    """`builtins.sum(iterable)`."""
    def __init__(self, start: Any = ...) -> None: ...

class Tan(InplaceOperation):
    """`torch.tan(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class TensorDot(Operation):
    """`torch.tensordot(a, b)`."""
    def __init__(self, dims: Any = ...) -> None: ...

class TensorWhere(Operation):
    """`torch.Tensor.where(input, condition, other)`."""
    def __init__(self) -> None: ...

class Trunc(InplaceOperation):
    """`torch.trunc(input)`."""
    def __init__(self, inplace: Any = ...) -> None: ...

class VStack(Join):
    """`torch.vstack(*tensors)`."""
    def __init__(self) -> None: ...

class Var(Operation):
    """`torch.var(input)`."""
    def __init__(self, dim: Any = ..., correction: Any = ..., keepdim: Any = ..., unbiased: Any = ...) -> None: ...

class VectorNorm(Operation):
    """`torch.linalg.vector_norm(input)`."""
    def __init__(self, ord: Any = ..., dim: Any = ..., keepdim: Any = ..., dtype: Any = ...) -> None: ...

class Where(Operation):
    """`torch.where(condition, input, other)`."""
    def __init__(self) -> None: ...

class XLogY(Operation):
    """`torch.xlogy(input, other)`."""
    def __init__(self) -> None: ...

__all__ = [
    "Abs",
    "Acos",
    "Acosh",
    "AdaptiveMaxPool1dWithIndices",
    "AdaptiveMaxPool2dWithIndices",
    "AdaptiveMaxPool3dWithIndices",
    "AddBMM",
    "AddCDiv",
    "AddCMul",
    "AddMM",
    "AddMV",
    "AffineGrid",
    "Amax",
    "Amin",
    "Asin",
    "Asinh",
    "Atan",
    "Atan2",
    "Atanh",
    "BAddBMM",
    "BatchMatmul",
    "Ceil",
    "Chunk",
    "Clamp",
    "ClampMax",
    "ClampMin",
    "Concat",
    "ConvTBC",
    "CopySign",
    "Cos",
    "Cosh",
    "Cumprod",
    "Cumsum",
    "DStack",
    "Deg2Rad",
    "Digamma",
    "Dot",
    "Einsum",
    "EltWiseAdd",
    "EltWiseDiv",
    "EltWiseMult",
    "EltWiseSub",
    "Erf",
    "ErfInv",
    "Erfc",
    "Exp",
    "Exp2",
    "Expm1",
    "Floor",
    "FloorDivide",
    "Fmax",
    "Fmin",
    "Fmod",
    "Frac",
    "FractionalMaxPool2d",
    "FractionalMaxPool2dWithIndices",
    "FractionalMaxPool3d",
    "FractionalMaxPool3dWithIndices",
    "FunctionalAdaptiveAvgPool1d",
    "FunctionalAdaptiveAvgPool2d",
    "FunctionalAdaptiveAvgPool3d",
    "FunctionalAdaptiveMaxPool1d",
    "FunctionalAdaptiveMaxPool2d",
    "FunctionalAdaptiveMaxPool3d",
    "FunctionalAlphaDropout",
    "FunctionalAvgPool1d",
    "FunctionalAvgPool2d",
    "FunctionalAvgPool3d",
    "FunctionalBatchNorm",
    "FunctionalBilinear",
    "FunctionalCELU",
    "FunctionalChannelShuffle",
    "FunctionalConv1d",
    "FunctionalConv2d",
    "FunctionalConv3d",
    "FunctionalConvTranspose1d",
    "FunctionalConvTranspose2d",
    "FunctionalConvTranspose3d",
    "FunctionalCosineSimilarity",
    "FunctionalDropout",
    "FunctionalDropout1d",
    "FunctionalDropout2d",
    "FunctionalDropout3d",
    "FunctionalELU",
    "FunctionalEmbedding",
    "FunctionalEmbeddingBag",
    "FunctionalFeatureAlphaDropout",
    "FunctionalFold",
    "FunctionalGELU",
    "FunctionalGLU",
    "FunctionalGroupNorm",
    "FunctionalHardshrink",
    "FunctionalHardsigmoid",
    "FunctionalHardswish",
    "FunctionalHardtanh",
    "FunctionalInstanceNorm",
    "FunctionalLPPool1d",
    "FunctionalLPPool2d",
    "FunctionalLPPool3d",
    "FunctionalLayerNorm",
    "FunctionalLeakyReLU",
    "FunctionalLinear",
    "FunctionalLocalResponseNorm",
    "FunctionalLogSigmoid",
    "FunctionalLogSoftmax",
    "FunctionalMaxPool1d",
    "FunctionalMaxPool2d",
    "FunctionalMaxPool3d",
    "FunctionalMaxUnpool1d",
    "FunctionalMaxUnpool2d",
    "FunctionalMaxUnpool3d",
    "FunctionalMish",
    "FunctionalPReLU",
    "FunctionalPairwiseDistance",
    "FunctionalPixelShuffle",
    "FunctionalPixelUnshuffle",
    "FunctionalRMSNorm",
    "FunctionalRReLU",
    "FunctionalReLU",
    "FunctionalReLU6",
    "FunctionalSELU",
    "FunctionalSiLU",
    "FunctionalSigmoid",
    "FunctionalSoftmax",
    "FunctionalSoftmin",
    "FunctionalSoftplus",
    "FunctionalSoftshrink",
    "FunctionalSoftsign",
    "FunctionalTanh",
    "FunctionalTanhshrink",
    "FunctionalThreshold",
    "FunctionalUnfold",
    "FunctionalUpsample",
    "FunctionalUpsamplingBilinear2d",
    "FunctionalUpsamplingNearest2d",
    "GridSample",
    "GumbelSoftmax",
    "HStack",
    "Hypot",
    "I0",
    "Inner",
    "Interpolate",
    "LGamma",
    "Lerp",
    "LinalgNorm",
    "Log",
    "Log10",
    "Log1p",
    "Log2",
    "LogAddExp",
    "LogAddExp2",
    "LogSumExp",
    "MM",
    "MV",
    "MaskedFill",
    "Matmul",
    "Max",
    "MaxPool1dWithIndices",
    "MaxPool2dWithIndices",
    "MaxPool3dWithIndices",
    "Maximum",
    "Mean",
    "Min",
    "Minimum",
    "MultiHeadAttentionForward",
    "NanToNum",
    "NativeChannelShuffle",
    "Neg",
    "Norm",
    "Normalize",
    "Outer",
    "Pad",
    "Pdist",
    "Pow",
    "Prod",
    "Rad2Deg",
    "Reciprocal",
    "Remainder",
    "ReverseSub",
    "Round",
    "Rsqrt",
    "ScaledDotProductAttention",
    "Sgn",
    "Sign",
    "Sin",
    "Sinc",
    "Sinh",
    "Split",
    "Sqrt",
    "Square",
    "Stack",
    "Std",
    "Sum",
    "SumOf",
    "Tan",
    "TensorDot",
    "TensorWhere",
    "Trunc",
    "VStack",
    "Var",
    "VectorNorm",
    "Where",
    "XLogY",
]
