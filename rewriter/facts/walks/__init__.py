"""Code that goes through an object's own modules, and what it would do with one more."""
