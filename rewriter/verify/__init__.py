"""`rewriter verify`: a model before and after, built and run in clean processes, and all that a user sees compared.

The only part of the rewriter that runs the code it speaks of, and that needs torch.
"""
