"""What all commands share: exit codes and signals, the check for repeated options, formats, and atomic writes."""
