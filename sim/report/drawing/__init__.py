"""How the parts of a report are laid out: words in lines, tables in columns, curves as SVG; what renderers stand on."""
