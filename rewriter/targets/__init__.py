"""Where rewritten source may go besides `runtime`: back to operators and functions, or to the modules of others."""
