"""What the training algorithms share: outer programs, fragments of the parameters, and their rounding."""
