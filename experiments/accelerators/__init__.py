"""The recording of an accelerator: what a GPU or TPU takes for the steps of many models, in one run within a budget."""
