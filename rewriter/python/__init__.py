"""A model of Python: what files say, what names mean, which classes derive from which. No rules, no runs."""
