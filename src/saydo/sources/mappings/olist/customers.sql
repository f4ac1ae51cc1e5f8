-- A person's state is that of the latest order.
select
    person as customer_id,
    min(purchased_at) as first_seen_at,
    'person' as kind,
    'BR' as country,
    arg_max(state, (purchased_at, order_id)) as region,
    'pt' as language
from _orders
where person is not null
group by person
