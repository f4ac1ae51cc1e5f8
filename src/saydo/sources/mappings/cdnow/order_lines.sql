-- The price of one disc is the amount by their number, rounded to a hundredth of a cent; 80 purchases cost nothing.
select
    _row as order_id,
    1 as line,
    'product' as kind,
    discs as quantity,
    dollars / nullif(as_number(discs), 0) as unit_price,
    _row
from _purchases
