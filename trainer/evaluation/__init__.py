"""What a trained model is worth: its loss on held-out text, and its answers to multiple choice."""
