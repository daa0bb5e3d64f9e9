"""The questions behind `simulate predict --law` of a student, of mixtures of experts, and of tasks."""
