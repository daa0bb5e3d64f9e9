"""What a training run is made of: its configuration, the defaults, the published recipe, and shapes of models."""
