"""Writing: from planned changes to new text, and the proof that nothing else changed."""
