"""Deciding: facts in, changes and refusals out. Nothing here edits."""
