-- unavailable is no cancellation: the order was paid, and the shop could not deliver. It stays paid, its promise open or broken.
with shipped as (
    select
        order_id,
        sum(as_number(freight_value)) as freight,
        case when count(distinct seller_state) = 1 then any_value(seller_state) else 'several' end as seller_state
    from read('olist_order_items_dataset.csv')
    left join read('olist_sellers_dataset.csv') using (seller_id)
    group by order_id
)

select
    order_id,
    person as customer_id,
    purchased_at as ordered_at,
    cancelled_at,
    'marketplace' as touchpoint,
    case status
        when 'created' then 'placed'
        when 'canceled' then 'cancelled'
        when 'shipped' then 'shipped'
        when 'delivered' then 'delivered'
        else 'paid'
    end as status,
    state as region,
    freight as shipping_charged,
    'BRL' as currency,
    status as x_status,
    seller_state as x_seller_state,
    case when seller_state = state then 'yes' when seller_state is not null then 'no' end as x_same_state
from _orders
left join shipped using (order_id)
