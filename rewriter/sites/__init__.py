"""What runs meet in the source: a class for each kind of site, which says how what several runs met is put together."""
