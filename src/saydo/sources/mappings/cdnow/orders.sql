-- One purchase is one order, those of one customer and day too: models that merge them do so themselves.
select
    _row as order_id,
    customer_id,
    day as ordered_at,
    'web' as touchpoint,
    'paid' as status,
    'USD' as currency,
    _row
from _purchases
