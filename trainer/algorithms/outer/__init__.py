"""The outer step, which the training algorithms share: its parts and programs, fragments of parameters, rounding."""
