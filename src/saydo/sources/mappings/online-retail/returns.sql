-- Credit notes (invoices that begin with C). Nothing links them to a sale. Money back without goods (discounts, postage,
-- corrections) has no product and no quantity.
select
    concat(invoice, '-', line) as return_id,
    customer_id,
    product_id,
    invoiced_at as returned_at,
    case when product_id is not null then -quantity end as quantity,
    -quantity * price as refund,
    invoiced_at as refunded_at,
    'GBP' as currency,
    case when product_id is null then description end as reason,
    refused,
    _row
from _lines
where is_credit
