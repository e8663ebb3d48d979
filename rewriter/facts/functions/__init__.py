"""Who calls a function, who keeps it, and who is handed it."""
