-- Orders with the person who ordered: customer_id is new with each order, customer_unique_id is the person.
-- When an order was cancelled is not recorded: its last trace stands for it, the earliest moment that it can have been.
select
    o.order_id,
    c.customer_unique_id as person,
    c.customer_state as state,
    o.order_status as status,
    as_time(order_purchase_timestamp) as purchased_at,
    as_time(order_approved_at) as approved_at,
    as_time(order_delivered_carrier_date) as handed_over_at,
    as_time(order_delivered_customer_date) as delivered_at,
    as_day(order_estimated_delivery_date) as estimated_on,
    case
        when order_status = 'canceled'
        then greatest(purchased_at, approved_at, handed_over_at, delivered_at)
    end as cancelled_at
from read('olist_orders_dataset.csv') as o
left join read('olist_customers_dataset.csv') as c using (customer_id)
