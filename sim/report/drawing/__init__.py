"""How the parts of a report are laid out: words in lines, tables in columns (Rich draws them), curves as SVG."""
