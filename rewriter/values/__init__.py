"""What expressions may be: a class for each kind of value, which says what its attributes, calls and members are."""
