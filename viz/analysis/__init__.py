"""Measurements of gradient flow: numbers only, without matplotlib and Graphviz."""
