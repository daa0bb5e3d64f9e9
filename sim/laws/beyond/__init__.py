"""Laws for what N and D alone do not tell: a teacher, experts, the mixture of the data, and tasks beyond the loss."""
