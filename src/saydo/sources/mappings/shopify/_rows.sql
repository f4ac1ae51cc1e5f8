-- The export's rows; columns that older exports lack are null. An order in several exports counts as the last of them has it.
with wanted as (
    select * from read('*.csv')
    union all by name
    select
        null::varchar as "Cancelled at",
        null::varchar as "Refunded Amount",
        null::varchar as "Lineitem discount",
        null::varchar as "Lineitem sku",
        null::varchar as "Lineitem taxable",
        null::varchar as "Shipping Country",
        null::varchar as "Billing Country",
        null::varchar as "Source",
        null::varchar as "Phone",
        null::varchar as "Vendor"
    where false
)

select
    _file,
    _row,
    "Name" as order_id,
    row_number() over (partition by "Name", _file order by _row) as line,
    _file < max(_file) over (partition by "Name") as is_repeated,
    bare("Lineitem name") as item,
    coalesce(bare("Lineitem sku"), item) as product_id,
    bare("Vendor") as vendor,
    as_number("Lineitem quantity") as quantity,
    as_number("Lineitem price") as price,
    coalesce(as_number("Lineitem discount"), 0) as discount,
    coalesce(as_yes_no("Lineitem taxable"), true) as is_taxable,
    coalesce(bare("Email"), bare("Phone")) as person,
    as_time("Created at") as created_at,
    as_time("Paid at") as paid_at,
    as_time("Fulfilled at") as fulfilled_at,
    as_time("Cancelled at") as cancelled_at,
    "Financial Status" as financial,
    "Fulfillment Status" as fulfillment,
    as_number("Subtotal") as subtotal,
    as_number("Shipping") as shipping,
    as_number("Taxes") as taxes,
    as_number("Total") as total,
    as_number("Refunded Amount") as refunded,
    "Currency" as currency,
    coalesce("Shipping Country", "Billing Country") as country,
    bare("Source") as source
from wanted
