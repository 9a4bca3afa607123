"""Positions and routes of what is drawn; knows no DOT."""
