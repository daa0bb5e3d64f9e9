"""A local page to play with: what the command `simulate` answers, with sliders (`simulate serve`, docs/serve.md)."""
