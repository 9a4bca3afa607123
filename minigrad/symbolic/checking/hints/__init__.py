"""Naming the error of a refuted line."""
