"""Many scenarios at once: what points there are, what each answers, who computes them, and the file of it all."""
