"""How fast a model is: in floating point, with us, and with whatever else is installed."""
