"""What several strategies share; the folder above lists the algorithms themselves."""
