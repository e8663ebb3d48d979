"""Quantizers, from the arithmetic up."""
