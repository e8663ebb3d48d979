"""Reading: what a file and its project say. Nothing here edits."""
