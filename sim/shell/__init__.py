"""What every command does alike: exit codes and signals, options given twice, formats, and files written whole."""
