"""Whether another instance of a module would do as well."""
