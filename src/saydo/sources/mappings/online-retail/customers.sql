-- Eight customers have two countries: the one of most invoices counts, of equals the first in the alphabet.
with lived as (
    select customer_id, country, count(distinct invoice) as invoices, min(invoiced_at) as seen_at
    from _lines
    where customer_id is not null
    group by all
)

select
    customer_id,
    min(seen_at) as first_seen_at,
    arg_min(country, (-invoices, country)) as country
from lived
group by customer_id
