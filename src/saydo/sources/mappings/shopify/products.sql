-- A product is a SKU, or a name where there is none.
select
    product_id,
    arg_max(item, (created_at, _file, _row)) as name,
    arg_max(vendor, (created_at, _file, _row)) as x_vendor
from (select _rows.* replace (_orders.created_at as created_at) from _rows join _orders using (order_id))
where product_id is not null and not is_repeated
group by product_id
