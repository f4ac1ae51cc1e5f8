"""What we sell: products, the needs they meet, orders, returns, contracts, payments, use."""

from __future__ import annotations

from django.db import models

from saydo.web.records import KEY, Record, Reference, choices


class Product(Record):
    """A thing that can be bought."""

    table = "products"
    product_id = models.CharField(max_length=KEY, primary_key=True)
    name = models.TextField()
    category = models.TextField(null=True, blank=True)
    list_price = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    unit_cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)

    class Meta:
        db_table = "products"


class Need(Record):
    """A product meets or raises a need."""

    table = "needs"
    product = Reference("Product")
    need = models.TextField()
    relation = models.CharField(max_length=16, choices=choices("needs", "relation"))
    degree = models.FloatField(null=True, blank=True)
    pk = models.CompositePrimaryKey("product_id", "need", "relation")

    class Meta:
        db_table = "needs"


_IS_CANCELLED = models.Q(cancelled_at__isnull=False) | models.Q(status="cancelled")


class Order(Record):
    """An order."""

    table = "orders"
    order_id = models.CharField(max_length=KEY, primary_key=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    ordered_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    touchpoint = Reference("customers.Touchpoint", null=True, blank=True, db_index=False, db_column="touchpoint")
    adviser_id = models.CharField(max_length=KEY, null=True, blank=True)
    status = models.CharField(max_length=16, choices=choices("orders", "status"))
    region = models.TextField(null=True, blank=True)
    shipping_charged = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    shipping_cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "orders"
        indexes = (models.Index(fields=["order_id"], name="orders_cancelled", condition=_IS_CANCELLED),)

    @classmethod
    def cancelled(cls) -> models.QuerySet[Order]:
        """Those that were cancelled, few among many."""
        return cls.objects.filter(_IS_CANCELLED)


class OrderLine(Record):
    """A line of an order."""

    table = "order_lines"
    order = Reference("Order")
    line = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=choices("order_lines", "kind"))
    product = Reference("Product", null=True, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=3)
    unit_price = models.DecimalField(max_digits=18, decimal_places=4)
    list_price = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    unit_cost = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    tax_rate = models.FloatField(null=True, blank=True)
    pk = models.CompositePrimaryKey("order_id", "line")

    class Meta:
        db_table = "order_lines"


class Return(Record):
    """Goods back."""

    table = "returns"
    return_id = models.CharField(max_length=KEY, primary_key=True)
    order = Reference("Order", null=True, blank=True)
    customer = Reference("customers.Customer", null=True, blank=True)
    line = models.BigIntegerField(null=True, blank=True)
    product = Reference("Product", null=True, blank=True)
    returned_at = models.DateTimeField()
    quantity = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    refund = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "returns"


class Contract(Record):
    """A subscription, rental or service agreement."""

    table = "contracts"
    contract_id = models.CharField(max_length=KEY, primary_key=True)
    customer = Reference("customers.Customer")
    product = Reference("Product", null=True, blank=True)
    started_on = models.DateField()
    period_months = models.BigIntegerField(null=True, blank=True)
    price = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    end_reason = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "contracts"


class Payment(Record):
    """Money due."""

    table = "payments"
    payment_id = models.CharField(max_length=KEY, primary_key=True)
    order = Reference("Order", null=True, blank=True)
    contract = Reference("Contract", null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=4)
    currency = models.CharField(max_length=3, null=True, blank=True)

    class Meta:
        db_table = "payments"


class Usage(Record):
    """What was bought is used."""

    table = "usage"
    customer = Reference("customers.Customer")
    product = Reference("Product")
    used_on = models.DateField()
    amount = models.FloatField(null=True, blank=True)
    pk = models.CompositePrimaryKey("customer_id", "product_id", "used_on")

    class Meta:
        db_table = "usage"
