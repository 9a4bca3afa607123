"""Reading the line that somebody wrote, without executing any of it.

`expressions` (what a line is made of), `limits` (how much of it), `parser` (Python's grammar), `printed` with
`printed_signs` (the way `derive` prints), `letters` (spellings), `places` (lines about a memory), `typed` and
`elaborate` (shapes say what is meant), `interpret` (giving it a meaning: on arrays or on terms).
"""
