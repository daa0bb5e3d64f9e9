"""Networks between workers: the published cost formula, and collectives as flows over links."""
