"""What people do to a model once it is built, done to models before and after rewriting."""
