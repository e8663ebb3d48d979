"""`rewriter observe`: which kinds of values the expressions had, that the source leaves open, while a program ran.

Two sides. `command` asks the rewriter what is open, starts the program, and writes the evidence when it has ended.
`within` runs in the program's own processes, which may have another Python and no rewriter: it imports nothing but
Python's own library. `start` is the folder that brings it in.
"""
