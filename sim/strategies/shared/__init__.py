"""Code that several strategies share; the algorithms themselves are the files of the folder above."""
