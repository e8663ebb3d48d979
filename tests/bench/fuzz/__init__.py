"""Writes strange but valid PyTorch modules, rewrites them, and runs original and rewritten side by side.

grammar/ has the constructs, each a function that returns a Piece: the lines it needs in the forward, in __init__, in the
class and in the file. A new one is such a function under `@construct`; layouts.py spreads them over classes and files.
trial.py rewrites a program and compares what record.py wrote down of both; minimize.py makes a fault small.

What is compared leaves out the names and the number of submodules, which the rewrite changes by what it is. A program
that looks at them itself is compared by what it computes from them.
"""
