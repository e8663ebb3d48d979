"""Whether code could tell one module more below an object: it is run twice at once, with that module and without.

What is the same in both runs is `SAME`. The new module, its name and its class are values of their own, and whatever
differs in a way that is not known is `ANY`. What only one of the runs does, as in a turn of a loop with the new module,
must not be seen by anybody.
"""
