"""The transformer and its optimizers, as pure functions over plain pytrees."""
