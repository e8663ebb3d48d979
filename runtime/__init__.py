"""What rewritten model source links against: wrapper modules, quantizers and int8 kernels."""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError('runtime needs torch, which is not installed: pip install "torch-rewriter[torch]"') from error
