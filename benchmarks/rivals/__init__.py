"""Measures that fit models, beside the packages that people would fit them with otherwise.

lane.py     a contender in a process of its own, by any interpreter; the environment that the packages live in
draw.py     the companies that both sides are given
ours.py     Saydo: from Parquet to figures, and the mathematics alone
theirs.py   the same by other packages, as their documentation writes it; imports nothing of Saydo
"""
