"""What new modules may have beside what every module has."""

HAD_BY_WRAPPERS = frozenset(
    "function function_ fixed takes chosen in_place methods method scripted sign signatures symbol symbol_ keyword "
    "keywords known append each extend insert pop".split()
)
"""The runtime's own; what they are told stands in `fixed`."""
HAD_BY_NEW_ONES = HAD_BY_WRAPPERS | frozenset(
    "inplace p dim alpha beta negative_slope min_val max_val kernel_size stride padding dilation ceil_mode size "
    "scale_factor mode align_corners output_size threshold value lambd approximate lower upper return_indices "
    "count_include_pad divisor_override norm_type norm keepdim k eps groups upscale_factor downscale_factor".split()
)
"""Those of torch.nn's as well, which are told to their constructors."""
