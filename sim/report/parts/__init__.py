"""Parts of reports: what more than one answer shows, or what is long, as facts and tables."""
