"""How many tokens can a strategy afford in the wall-clock of another?"""
