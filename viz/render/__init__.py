"""DOT text of a finished layout, and running Graphviz."""
