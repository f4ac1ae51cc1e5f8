select
    source as touchpoint,
    case
        when source = 'pos' then 'shop'
        when source in ('iphone', 'android') then 'app'
        when source = 'shopify_draft_order' then 'phone'
        else 'web'
    end as kind
from _orders
group by source
