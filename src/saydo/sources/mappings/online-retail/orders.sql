-- An invoice is an order, placed at its first line (43 invoices span two minutes). Invoices of refused lines alone are none.
select
    invoice as order_id,
    any_value(customer_id) as customer_id,
    min(invoiced_at) as ordered_at,
    'placed' as status,
    any_value(country) as region,
    'GBP' as currency
from _lines
where not is_credit and refused is null
group by invoice
