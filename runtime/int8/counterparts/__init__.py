"""The int8 modules."""
