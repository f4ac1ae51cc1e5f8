-- A cancelled order takes its promises back, unless they had come due or were fulfilled before.
-- Refunds of cancelled orders are not recorded, so no promise is made of them.
with limits as (
    select order_id, max(as_time(shipping_limit_date)) as limit_at
    from read('olist_order_items_dataset.csv')
    group by order_id
)

select
    concat(order_id, '-delivery') as commitment_id,
    'delivery' as promise,
    person as customer_id,
    order_id,
    'marketplace' as touchpoint,
    purchased_at as made_at,
    estimated_on::varchar as due_at, -- a bare date: the end of that day
    delivered_at as fulfilled_at,
    case when delivered_at is null and cancelled_at::date <= estimated_on then cancelled_at end as withdrawn_at,
    'system' as seen_by,
    case
        when status = 'delivered' and delivered_at is null
        then 'delivered, but when is not recorded: kept or broken cannot be told'
    end as refused
from _orders
union all
select
    concat(order_id, '-dispatch'),
    'dispatch',
    person,
    order_id,
    'marketplace',
    purchased_at,
    limit_at::varchar,
    handed_over_at,
    case when handed_over_at is null and cancelled_at <= limit_at then cancelled_at end,
    'system',
    case
        when status = 'delivered' and handed_over_at is null
        then 'handed over, but when is not recorded: kept or broken cannot be told'
    end
from _orders
join limits using (order_id)
