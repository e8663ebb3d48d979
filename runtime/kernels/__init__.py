"""Exact int8 kernels for the CPU."""
