select
    invoice as order_id,
    line,
    kind,
    product_id,
    quantity,
    price as unit_price,
    refused,
    _row
from _lines
where not is_credit
