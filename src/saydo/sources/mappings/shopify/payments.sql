-- What was due with taxes, as the customer paid it.
select
    concat(order_id, '-1') as payment_id,
    order_id,
    paid_at,
    total as amount,
    currency,
    _file,
    _row
from _orders
where total <> 0
