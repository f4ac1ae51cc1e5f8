"""How often the intervals hold the truth (`make coverage` writes docs/coverage.md).

cases.py      what is asked of which kind of company, and how its truth is known: the table to read first
deeds.py      its second part: what became of customers, models, effects
kinds.py      kinds of companies, and what a case is
truths.py     truths that follow from what was planted
companies.py  companies simulated many at a time, and what the measures say of each
findings.py   how often the truth was held, and how far off the estimates were on average
formulas.py   the formulas of `saydo.stats` alone, on samples drawn for the purpose
models.py     the same of models and effects
samples.py    what is drawn for them
page.py       the published page
"""
