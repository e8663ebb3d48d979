"""Policies that a schedule's file can name as extensions."""

__all__: list[str] = []
