select
    order_id,
    line,
    case
        when lower(item) = 'tip' then 'fee'
        when regexp_matches(lower(item), '\bgift card\b') then 'gift'
        else 'product'
    end as kind,
    product_id,
    quantity,
    (price * quantity - discount)::double / nullif(quantity, 0) * kept_share * if(is_taxable, net_share, 1) as unit_price,
    price::double * if(is_taxable, net_share, 1) as list_price,
    case when is_repeated then 'the order stands in a later export too' end as refused,
    _rows._file,
    _rows._row
from _rows
join _orders using (order_id)
