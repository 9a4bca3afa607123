"""`fuzz.py` is a command that needs atheris, so pytest must not import it when it looks for doctests."""

collect_ignore = ["fuzz.py"]
