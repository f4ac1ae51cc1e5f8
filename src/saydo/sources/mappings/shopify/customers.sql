select
    customer_id,
    min(created_at) as first_seen_at,
    'person' as kind,
    arg_max(country, created_at) as country
from _orders
where customer_id is not null
group by customer_id
