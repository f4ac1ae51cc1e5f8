-- The export tells how much was paid back, not when: the order's last trace before it is the earliest moment it can have been.
select
    concat(order_id, '-refund') as return_id,
    order_id,
    customer_id,
    greatest(created_at, paid_at, fulfilled_at, cancelled_at) as returned_at,
    refunded * refund_net_share as refund,
    returned_at as refunded_at,
    currency,
    'refund' as reason,
    _file,
    _row
from _orders
where refunded > 0
