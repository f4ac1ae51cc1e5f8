"""People we serve, where we meet them, what they agreed to, and who brought whom."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from saydo.language import mark
from saydo.web.records import KEY, Record, Reference, choices


class Customer(Record):
    """A person or firm as one source knows them: a record.

    Records of the same person are merged by pointing all but one at it (``merged_into``, never in a chain), and parted
    again by taking that away: no other row is touched, because each keeps the record that it came with.
    """

    table = "customers"
    customer_id = models.CharField(max_length=KEY, primary_key=True)
    account_id = models.CharField(max_length=KEY, null=True, blank=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    kind = models.CharField(max_length=16, choices=choices("customers", "kind"), null=True, blank=True)
    country = models.TextField(null=True, blank=True)
    region = models.TextField(null=True, blank=True)
    language = models.TextField(null=True, blank=True)
    segment = models.TextField(null=True, blank=True)
    acquired_via = models.TextField(null=True, blank=True)
    acquisition_cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    is_earned = models.BooleanField(null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="records")
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "customers"
        indexes = (models.Index(fields=["origin"], name="customers_origin"),)

    @property
    def whole(self) -> str:
        """The key that all records of this person share in the facts."""
        return self.merged_into_id or self.customer_id


class Person(models.Model):
    """Who a customer is. Everything that must not be in the facts stands here, and here alone."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="person")
    name = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    street = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "people"


class Found(models.Model):
    """What a person is found by: name, e-mail, telephone and town in plain letters (`saydo.web.plain`).

    The database keeps it in line with `Person` by triggers, and with it an index of its words and a list of the words
    of all names (``found_words``): nobody writes here.
    """

    id = models.BigAutoField(primary_key=True)
    customer_id = models.CharField(max_length=KEY, unique=True)
    plain = models.TextField()

    class Meta:
        db_table = "found"


class Proposal(models.Model):
    """Two records that look like the same person: the rule that says so, and what was decided.

    A refused one is not proposed again. ``is_sure``: e-mail and name agree, so that many may be merged at once.
    """

    RULES = (
        ("mail", mark("the same e-mail address")),
        ("phone", mark("the same telephone number")),
        ("number", mark("the same customer number and name in two systems")),
        ("hand", mark("found by a colleague")),
    )
    STATES = (("open", mark("to decide")), ("merged", mark("merged")), ("refused", mark("two persons")))

    main = models.ForeignKey(Customer, models.CASCADE, related_name="+")  # the record that would be kept
    other = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    rule = models.CharField(max_length=10, choices=RULES)
    is_sure = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=STATES, default="open")
    found_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    before = models.JSONField(default=dict)  # of merged ones, how the records stood: main, other, moved

    class Meta:
        db_table = "merge_proposals"
        constraints = (models.UniqueConstraint(fields=["main", "other"], name="proposal_once"),)
        indexes = (models.Index(fields=["state", "-is_sure", "id"], name="proposals_open"),)


class Consent(models.Model):
    """What somebody agreed to or refused, for a purpose and a way of reaching them; append only."""

    PURPOSES = (
        ("service", mark("service: their orders, questions and complaints")),
        ("surveys", mark("surveys: asking for their opinion")),
        ("offers", mark("offers: advice, news and advertisements")),
        ("analysis", mark("analysis: learning from what they do")),
    )
    CHANNELS = (
        ("mail", mark("e-mail")),
        ("phone", mark("telephone")),
        ("sms", mark("text message")),
        ("post", mark("letter")),
        ("any", mark("any way")),
    )
    STATES = (("granted", mark("agreed")), ("denied", mark("refused")), ("revoked", mark("taken back")))

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=20, choices=PURPOSES)
    channel = models.CharField(max_length=20, choices=CHANNELS)
    state = models.CharField(max_length=20, choices=STATES)
    at = models.DateTimeField(default=timezone.now)
    how = models.CharField(max_length=200)  # a form, a call, a letter
    text_shown = models.TextField(blank=True)  # the words that the person saw
    recorded_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "consents"
        ordering = ("-at", "-id")


class Note(models.Model):
    """What a colleague wrote down about a customer, for colleagues."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="notes")
    text = models.TextField(max_length=4000)
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")

    class Meta:
        db_table = "notes"
        ordering = ("-at", "-id")


class Touchpoint(Record):
    """A place where company and customer meet."""

    table = "touchpoints"
    touchpoint = models.CharField(max_length=KEY, primary_key=True)
    kind = models.CharField(max_length=16, choices=choices("touchpoints", "kind"))
    place = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "touchpoints"


class Referral(Record):
    """One customer brings another."""

    table = "referrals"
    referral_id = models.CharField(max_length=KEY, primary_key=True)
    referrer = Reference("Customer")
    referred = Reference("Customer", null=True, blank=True)
    referred_at = models.DateTimeField()
    converted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "referrals"


class Assignment(Record):
    """Who was in which arm of an experiment."""

    table = "assignments"
    customer = Reference("Customer")
    experiment = models.TextField()
    arm = models.TextField()
    assigned_at = models.DateTimeField()
    pk = models.CompositePrimaryKey("customer_id", "experiment")

    class Meta:
        db_table = "assignments"


class ExchangeRate(Record):
    """A rate: one unit of currency is worth rate units of to_currency."""

    table = "exchange_rates"
    day = models.DateField()
    currency = models.CharField(max_length=3)
    to_currency = models.TextField()
    rate = models.FloatField()
    pk = models.CompositePrimaryKey("day", "currency", "to_currency")

    class Meta:
        db_table = "exchange_rates"


class Cost(Record):
    """What it cost beside the goods."""

    table = "costs"
    month = models.DateField()
    channel = models.TextField(default="", blank=True)
    kind = models.CharField(max_length=16, choices=choices("costs", "kind"))
    amount = models.DecimalField(max_digits=18, decimal_places=4)
    currency = models.CharField(max_length=3)
    pk = models.CompositePrimaryKey("month", "channel", "kind", "currency")

    class Meta:
        db_table = "costs"
