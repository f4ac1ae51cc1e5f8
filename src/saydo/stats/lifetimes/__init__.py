"""Who comes back, who is gone: models of purchases where nobody says goodbye, fitted to histories with a count.

histories.py   what is known of customers: repeat purchases, time of the last, age; equal ones counted
geometric.py   BG/NBD and MBG/NBD: a customer may stop after a purchase
pareto.py      Pareto/NBD: a customer may stop at any time
fitting.py     maximum likelihood with its errors, and what follows for every customer
    foresight.py   how well they foretold what happened next, and which of them to take
"""

from saydo.stats.lifetimes.fitting import MODELS, Fit, fit, require_repeats
from saydo.stats.lifetimes.foresight import Choice, choose, log_chances
from saydo.stats.lifetimes.histories import Histories
from saydo.stats.lifetimes.models import Model

__all__ = ["MODELS", "Choice", "Fit", "Histories", "Model", "choose", "fit", "log_chances", "require_repeats"]
