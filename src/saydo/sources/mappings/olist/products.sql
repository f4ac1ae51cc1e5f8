-- Products have no names: the category and the beginning of the key stand for one. Two categories lack a translation.
select
    product_id,
    concat_ws(' ', coalesce(product_category_name_english, product_category_name, 'product'), left(product_id, 8)) as name,
    coalesce(product_category_name_english, product_category_name) as category,
    'BRL' as currency
from read('olist_products_dataset.csv')
left join read('product_category_name_translation.csv') using (product_category_name)
