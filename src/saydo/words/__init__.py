"""What people write, read on a plain CPU with what the company itself has: its comments and the scores beside them.

    reading.py      a comment as words: folded, without markup, what is denied marked
    languages.py    in which language a comment is
    topics.py       comments that speak of the same, found by which words go together, and how stable that is
    naming.py       the file in which people name, merge and pin themes

Texts come in as lists; nothing here knows facts or engines.
"""
