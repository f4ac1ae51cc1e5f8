"""What the simulated company sells and promises, and where: the rows that do not grow with its customers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """A product: popularity weighs it among the draws of a basket, quality shifts its stars (standard deviations)."""

    name: str
    category: str
    price: float
    cost: float
    popularity: float
    quality: float = 0.0
    is_consumable: bool = False


PRODUCTS = (
    Product("Laptop Alba 13", "computers", 890, 690, 3.0, 0.1),
    Product("Laptop Alba 15", "computers", 1090, 850, 2.6, 0.1),
    Product("Desktop Brio Office", "computers", 620, 480, 2.0, 0.2),
    Product("Desktop Volt Gaming", "computers", 1690, 1290, 1.4, -0.3),
    Product("Tablet Lys 10", "computers", 340, 262, 2.2),
    Product("Monitor Clair 27", "computers", 265, 198, 2.6, 0.1),
    Product("Keyboard Touche", "computers", 45, 22, 4.0),
    Product("Mouse Souris", "computers", 25, 11, 5.0),
    Product("Laptop sleeve", "computers", 29, 9, 4.0),
    Product("Office suite licence", "computers", 119, 60, 2.0),
    Product("Printer Encra 200", "printing", 149, 112, 3.2, -0.1),
    Product("Printer Encra 500", "printing", 329, 246, 1.4, 0.2),
    Product("Ink Encra, four colours", "printing", 54, 21, 6.0, -0.4, True),
    Product("Paper A4, 500 sheets", "printing", 6, 3, 6.0, 0.0, True),
    Product("E-bike Lumen City", "bicycles", 2290, 1650, 1.6, 0.3),
    Product("E-bike Lumen Trek", "bicycles", 2490, 1790, 1.6, 0.2),
    Product("City bike Oriel", "bicycles", 549, 380, 2.0, 0.1),
    Product("Children's bike Pic", "bicycles", 219, 150, 1.8),
    Product("Moped Zest", "bicycles", 1990, 1560, 0.5, -0.2),
    Product("Helmet Oriel", "bicycles", 65, 28, 3.4, 0.1),
    Product("Bike lock", "bicycles", 49, 19, 3.6),
    Product("Bike lights", "bicycles", 29, 11, 3.6),
    Product("Child seat", "bicycles", 99, 52, 1.4),
    Product("Bike revision", "services", 69, 35, 2.2, 0.2),
    Product("Espresso machine Crema", "coffee", 449, 310, 2.4, 0.3),
    Product("Capsule machine Pico", "coffee", 119, 78, 2.6, -0.1),
    Product("Coffee grinder", "coffee", 139, 82, 1.6, 0.1),
    Product("Coffee beans, 1 kg", "coffee", 19, 9, 7.0, 0.3, True),
    Product("Capsules, box of 50", "coffee", 21, 8, 6.0, -0.1, True),
    Product("Descaler", "coffee", 12, 4, 3.0, 0.0, True),
    Product("Headphones Calme", "audio", 179, 110, 2.6, 0.1),
    Product("Speaker Salon", "audio", 129, 80, 2.0),
)
MAINTENANCE = "Maintenance contract"  # sold as a contract only, EUR a quarter
MAINTENANCE_PRICE, MAINTENANCE_COST = 24.90, 9.00

# Planted: with the first in the basket the second is added with this probability. All else is chance and basket size.
COMPLEMENTS = (
    ("Desktop Brio Office", "Printer Encra 200", 0.20),
    ("Printer Encra 200", "Ink Encra, four colours", 0.40),
    ("Printer Encra 500", "Ink Encra, four colours", 0.40),
    ("Laptop Alba 13", "Laptop sleeve", 0.30),
    ("E-bike Lumen City", "Helmet Oriel", 0.35),
    ("E-bike Lumen City", "Bike lock", 0.30),
    ("Espresso machine Crema", "Coffee beans, 1 kg", 0.50),
    ("Capsule machine Pico", "Capsules, box of 50", 0.55),
)
# Planted: who bought the first has the second in the very next basket with this probability, beside chance.
FOLLOW_UPS = (
    ("Printer Encra 200", "Ink Encra, four colours", 0.30),
    ("Espresso machine Crema", "Descaler", 0.25),
    ("City bike Oriel", "Bike revision", 0.20),
)
# Planted: when both fall into one basket, the second is left out with this probability.
SUBSTITUTES = (
    ("E-bike Lumen City", "E-bike Lumen Trek", 0.95),
    ("Laptop Alba 13", "Laptop Alba 15", 0.95),
    ("Espresso machine Crema", "Capsule machine Pico", 0.95),
    ("Coffee beans, 1 kg", "Capsules, box of 50", 0.80),
)
RETURN_FACTORS = {"computers": 1.4, "printing": 0.8, "bicycles": 1.0, "services": 0.1, "coffee": 0.6, "audio": 1.5}

# (product, need, relation, degree)
NEEDS = (
    ("Laptop Alba 13", "work anywhere", "meets", 1.0),
    ("Laptop Alba 13", "write letters", "meets", 0.7),
    ("Laptop Alba 15", "work anywhere", "meets", 0.9),
    ("Laptop Alba 15", "write letters", "meets", 0.7),
    ("Desktop Brio Office", "write letters", "meets", 0.8),
    ("Desktop Volt Gaming", "play demanding games", "meets", 1.0),
    ("Tablet Lys 10", "read and watch", "meets", 1.0),
    ("Office suite licence", "write letters", "meets", 1.0),
    ("Printer Encra 200", "print at home", "meets", 0.8),
    ("Printer Encra 500", "print at home", "meets", 1.0),
    ("Printer Encra 200", "ink", "raises", 1.0),
    ("Printer Encra 500", "ink", "raises", 1.0),
    ("Ink Encra, four colours", "ink", "meets", 1.0),
    ("E-bike Lumen City", "ride to work", "meets", 1.0),
    ("E-bike Lumen Trek", "ride to work", "meets", 0.8),
    ("E-bike Lumen Trek", "ride in the hills", "meets", 1.0),
    ("City bike Oriel", "ride to work", "meets", 0.7),
    ("Moped Zest", "ride to work", "meets", 0.9),
    ("E-bike Lumen City", "protect the head", "raises", 0.9),
    ("E-bike Lumen City", "keep thieves away", "raises", 0.8),
    ("City bike Oriel", "keep thieves away", "raises", 0.8),
    ("Helmet Oriel", "protect the head", "meets", 1.0),
    ("Bike lock", "keep thieves away", "meets", 1.0),
    ("Child seat", "carry a child", "meets", 1.0),
    ("Espresso machine Crema", "coffee at home", "meets", 1.0),
    ("Capsule machine Pico", "coffee at home", "meets", 0.9),
    ("Espresso machine Crema", "coffee to put in", "raises", 1.0),
    ("Capsule machine Pico", "coffee to put in", "raises", 1.0),
    ("Coffee beans, 1 kg", "coffee to put in", "meets", 1.0),
    ("Capsules, box of 50", "coffee to put in", "meets", 1.0),
    ("Espresso machine Crema", "a clean machine", "raises", 0.6),
    ("Descaler", "a clean machine", "meets", 1.0),
)

WEB, PHONE, MAIL, SOCIAL = "Web shop", "Phone", "Mail", "Social media"
ELSEWHERE = ((WEB, "web"), (PHONE, "phone"), (MAIL, "mail"), (SOCIAL, "social"))  # beside the shops

# promise: (statement, what counts as kept, owner, made to)
PROMISES = {
    "delivery_date": (
        "Your parcel arrives by the day we name.",
        "delivered by the end of that day",
        "logistics",
        "customer",
    ),
    "collect_2h": ("Order online, collect in two hours.", "ready within 2 hours", "shop lead", "customer"),
    "answer_24h": ("We answer within 24 hours.", "first answer within 24 hours", "call centre lead", "customer"),
    "refund_14d": ("Your money is back within 14 days.", "refunded within 14 days", "accounts", "customer"),
    "repair_7d": ("Repaired within seven days.", "ready within 7 days", "workshop lead", "customer"),
    "opening_hours": ("Open when the door says so.", "found open on a visit", "shop lead", "public"),
    "advice_first": ("We ask what you need before we propose.", "asked on a visit", "shop lead", "public"),
    "rota_14d": ("You know your hours two weeks ahead.", "rota out 14 days ahead", "shop lead", "employee"),
}

# channel: (share of new customers, mean cost of winning one, is it earned)
CHANNELS = {
    "search": (0.26, 38.0, False),
    "social": (0.14, 52.0, False),
    "marketplace": (0.12, 31.0, False),
    "walk in": (0.20, 0.0, True),
    "organic": (0.12, 0.0, True),
    "recommendation": (0.16, 10.0, True),  # the reward
}
REGIONS = {
    "FR": ("Auvergne-Rhône-Alpes", "Bourgogne-Franche-Comté", "Île-de-France"),
    "CH": ("Vaud", "Genève", "Bern"),
    "BE": ("Liège", "Namur", "Bruxelles"),
    "DE": ("Baden-Württemberg", "Bayern", "Hessen"),
}
LANGUAGES = ("fr", "en", "de")
LANGUAGE_SHARES = {"FR": (0.97, 0.03, 0.0), "CH": (0.60, 0.05, 0.35), "BE": (0.85, 0.15, 0.0), "DE": (0.0, 0.07, 0.93)}
TAX_RATES = {"FR": 0.20, "CH": 0.081, "BE": 0.21, "DE": 0.19}
# Orders per month of the year, January first, and per weekday, Monday first; means are brought to 1.
MONTHS = (0.90, 0.85, 0.98, 1.00, 1.02, 1.00, 0.88, 0.86, 1.02, 1.00, 1.18, 1.40)
WEEKDAYS = (1.00, 0.95, 1.00, 1.00, 1.10, 1.35, 0.60)
ADVISERS = 6  # in each shop and on the phone
PUSHY = 2  # this adviser of the first shop sells what is sent back
