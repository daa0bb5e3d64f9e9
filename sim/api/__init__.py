"""The public API behind `import crosshaul`: questions as functions, answers as objects that show themselves."""
