"""The mathematics on small aggregates: arrays in, one element per group, numbers out.

Everything broadcasts over groups like NumPy itself. What cannot be known (no answers, no variance to speak of) is nan,
never 0. Nothing here grows with the number of customers: the engine has counted and summed before.

    estimates.py    sums of a group, an estimate with its standard error
    intervals.py    intervals of the Net Promoter Score, of shares, means and quantiles
    planning.py     how many answers to ask for
    ratios.py       rates and weighted means when a customer, order or account gives several answers
    weighting.py    post-stratification, raking, and how far those who did not answer could move a score
    changes.py      is it more than noise: two groups, the same people twice, many comparisons at once
    shrinkage.py    small groups borrow strength from all the others
    importance.py   what of several things that vary together the variation of a score goes with
    keyness.py      which words set one group of texts apart from another
    effects.py      what an event changes where chance did not choose whom it strikes; E-values
    chains.py       a product of estimates: how many, how often, how much each
    likelihood.py   the maximum of a likelihood of a few parameters, and how sharp it is
    lifetimes/      who comes back and who is gone: models of repeat purchases
    spend.py        what a purchase brings: the Gamma-Gamma model
    credibility.py  how much of a customer's own margin to believe
    trials.py       judges of the above: exact coverage, honest bounds for simulations
"""
