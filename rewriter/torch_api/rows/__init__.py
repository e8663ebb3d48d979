"""The catalogue's rows, by the rule that handles them."""
