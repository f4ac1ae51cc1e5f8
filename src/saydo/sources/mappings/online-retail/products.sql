-- A code's name is the description that most of its paid lines bear; notes such as "damaged" stand on unpaid lines.
with named as (
    select product_id, description, count(*) as lines
    from _lines
    where product_id is not null and price > 0 and description is not null
    group by all
),

chosen as (
    select product_id, arg_max(description, (lines, description)) as name from named group by product_id
)

select distinct product_id, coalesce(name, product_id) as name
from _lines
left join chosen using (product_id)
where product_id is not null and refused is null
