"""Commands for those who work on minigrad; none of this is part of the package that users install."""
