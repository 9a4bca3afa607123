"""Mutation testing: would the tests notice if a line of the code that must be right were wrong?

``python -m tools.mutation`` runs mutmut on copies of the repository and writes ``docs/mutation.md``.
"""
