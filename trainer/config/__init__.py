"""The configuration of a training run: fields, defaults, the published recipe, and shapes of models."""
