"""Writes strange but valid PyTorch modules, rewrites them, and runs original and rewritten side by side."""
