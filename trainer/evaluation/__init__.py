"""Evaluation of a trained model: its loss on held-out text, and its answers to multiple-choice questions."""
