-- Fulfilled means sent, not delivered.
select
    order_id,
    customer_id,
    created_at as ordered_at,
    cancelled_at,
    source as touchpoint,
    case
        when cancelled_at is not null then 'cancelled'
        when fulfillment = 'fulfilled' then 'shipped'
        when financial in ('paid', 'partially_refunded', 'refunded') then 'paid'
        else 'placed'
    end as status,
    country as region,
    shipping * net_share as shipping_charged,
    currency,
    _file,
    _row
from _orders
