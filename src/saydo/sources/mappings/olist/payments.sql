-- An order's payments (up to 29, some of them zero) count as paid when the payment was approved, which is known per order only.
-- Those of orders that were never approved stay unpaid.
select
    concat(order_id, '-', payment_sequential) as payment_id,
    order_id,
    approved_at as paid_at,
    payment_value as amount,
    'BRL' as currency,
    payment_type as x_type,
    payment_installments as x_installments
from read('olist_order_payments_dataset.csv')
left join _orders using (order_id)
