"""The proof of a rewrite: undoing the declared changes in the new text gives the old text's syntax tree.

Nothing of how the new text was made is used here.
"""
