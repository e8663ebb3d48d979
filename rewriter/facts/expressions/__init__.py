"""What a method computes or finds, said by expressions that `__init__` can evaluate."""
