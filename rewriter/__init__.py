"""Rewrites PyTorch model source so that every operation is a module a quantizer can see."""

__version__ = "0.1.0"
