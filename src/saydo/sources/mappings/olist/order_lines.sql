-- One row is one piece. The price is what was charged; Brazilian prices include taxes that the data do not show.
select
    order_id,
    order_item_id as line,
    'product' as kind,
    product_id,
    '1' as quantity,
    price as unit_price,
    seller_state as x_seller_state
from read('olist_order_items_dataset.csv')
left join read('olist_sellers_dataset.csv') using (seller_id)
