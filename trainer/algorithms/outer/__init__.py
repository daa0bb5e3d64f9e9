"""The outer step, which the training algorithms share: its programs, fragments of the parameters, and rounding."""
