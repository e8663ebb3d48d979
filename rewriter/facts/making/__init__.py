"""Where a class, or a function's owner, can make modules, and what stands against it."""
