"""Which functions and methods of torch compute, where no row of the catalogue says so.

Torch has over a thousand of them, and gets more with each version. What is not known to move, to make or to draw
something is taken for one that computes: it is called by a module, and a quantizer sees what goes in and comes out.
"""

from __future__ import annotations

from rewriter.torch_api import tensors, whole

MOVING = frozenset(
    """
    adjoint alias_copy align_as align_tensors align_to as_strided as_strided_copy as_strided_scatter
    as_subclass as_tensor asarray atleast_1d atleast_2d atleast_3d bfloat16 broadcast_tensors broadcast_to cdouble
    ccol_indices cfloat chalf chunk clone coalesce col_indices combinations complex conj conj_physical contiguous copy
    cpu
    crow_indices cuda cummax cummin dequantize detach detach_copy diag diag_embed diagflat diagonal diagonal_copy
    diagonal_scatter double dsplit expand expand_as expand_copy fftshift flatten flip fliplr flipud float
    from_dlpack gather half hsplit ifftshift imag index index_copy index_fill index_put index_select indices
    int_repr kthvalue masked_scatter masked_select meshgrid mode moveaxis movedim msort mtia narrow narrow_copy
    permute permute_copy pin_memory positive put ravel real refine_names rename repeat repeat_interleave
    requires_grad reshape reshape_as resize resize_as resolve_conj resolve_neg roll rot90 row_indices scatter select
    select_copy
    select_scatter set share_memory slice_copy slice_inverse slice_scatter sort sparse_mask split split_copy
    split_with_sizes split_with_sizes_copy squeeze squeeze_copy swapaxes swapdims t t_copy take take_along_dim
    tensor_split tile to topk transpose transpose_copy tril triu type_as unbind unbind_copy unflatten unfold
    unfold_copy unique unique_consecutive unravel_index unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze
    unsqueeze_copy values values_copy view view_as view_as_complex view_as_complex_copy view_as_real
    view_as_real_copy view_copy vsplit where xpu
    """.split()
)
"""They move, repeat, part, select, sort or convert, and compute no new values."""

_MAKING = frozenset(
    """
    affine_grid_generator arange bartlett_window binomial blackman_window empty empty_like empty_permuted
    empty_quantized empty_strided eye fftfreq fill fill_diagonal from_file from_numpy frombuffer full full_like
    hamming_window hann_window kaiser_window linspace logspace module_load new new_empty new_empty_strided new_full
    new_ones new_tensor new_zeros ones ones_like rfftfreq scalar_tensor tensor vander zero zeros zeros_like
    """.split()
)
"""They make tensors of numbers, or overwrite them with numbers."""

_OTHER = frozenset("apply backward cond map map2 while_loop fork wait reinforce".split())
"""They run other code, or end the forward."""

_NO_METHODS = frozenset(
    "H T mH mT data device dtype grad grad_dtype grad_fn itemsize layout name nbytes ndim output_nr retains_grad shape "
    "volatile".split()
)
"""Attributes of tensors: what calls something of that name calls what another object has. So are all `is_cuda`."""

_RUNNING = ("torch.func.", "torch.ops.", "torch.autograd.", "torch.nn.modules.")
_RUNNING_NAMES = frozenset("cond vmap while_loop".split())
_PREFIXES = ("sparse_", "to_", "fake_quantize", "fused_moving_avg", "quantize", "choose_qparams", "dequantize", "sym_")
_PARTS_WITHOUT_OPERATIONS = ("torch.func.", "torch.testing.", "torch.export.", "torch.nn.")
_OPERATIONS = "torch.nn.functional."


def computes(full_name: str) -> bool:
    """Whether the function or method makes new values of those that it is given; of losses no forward has need."""
    name = full_name.rpartition(".")[2].rstrip("_")
    if name.startswith(("_", "is_", *_PREFIXES)) or name in _NO_METHODS:
        return False
    if full_name.startswith(_PARTS_WITHOUT_OPERATIONS) and not full_name.startswith(_OPERATIONS):
        return False
    if name in MOVING | _MAKING | _OTHER or is_loss(name):
        return False
    return not whole.always(name) and not whole.draws(name) and _returns_tensors(full_name)


def runs_what_is_not_seen(full_name: str) -> bool:
    """Whether it comes to code or kernels of which nothing is known here, and computes by them."""
    owner, _, name = full_name.rpartition(".")
    is_method_of_module = owner.startswith("torch.nn.") and owner.rpartition(".")[2][:1].isupper()
    return full_name.startswith(_RUNNING) or is_method_of_module or (owner == "torch" and name in _RUNNING_NAMES)


def is_loss(name: str) -> bool:
    return name.endswith("loss") or "cross_entropy" in name or name == "kl_div"


def _returns_tensors(full_name: str) -> bool:
    owner, _, name = full_name.rpartition(".")
    kind = tensors.method(name, 1) if owner == "torch.Tensor" else tensors.function(full_name)
    return kind in ("tensor", "tensors")
