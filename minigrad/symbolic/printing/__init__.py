"""How a formula is written: brackets and order (`writing`), then `text`, `latex`, `mathml`, SymPy (`sympy_forms`), and
sentences around formulas (`prose`).
"""
