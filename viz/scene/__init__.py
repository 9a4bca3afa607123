"""Nodes and edges to draw, made from a graph and its adjoints."""
