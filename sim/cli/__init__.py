"""The commands: options become a scenario or a question, and answers are rendered and delivered."""
