"""Mutation testing: small changes of the code that must be right, each of which a test should notice.

``python -m tools.mutation`` runs mutmut on copies of the repository and writes ``build/mutation.md``.
"""
