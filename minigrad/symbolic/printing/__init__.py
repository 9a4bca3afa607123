"""Printing: brackets and order (`printer`), then `text`, `latex` with MathML, and `to_sympy`."""
