"""Plots as deterministic SVG, one file for each public function."""
