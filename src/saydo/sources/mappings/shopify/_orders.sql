-- One row per order: what stands on the first of its rows only. E-mail addresses and telephone numbers end here: the
-- customer's key is made from them and cannot be turned back by reading it.
--
-- Taxes are part of the prices where the total is the subtotal and shipping alone. Then each taxed amount is reduced by the
-- share of taxes in all taxed amounts: exact with one tax rate, and in sum always.
with summed as (
    select
        order_id,
        pseudonym(max(person)) as customer_id,
        max(created_at) as created_at,
        max(paid_at) as paid_at,
        max(fulfilled_at) as fulfilled_at,
        max(cancelled_at) as cancelled_at,
        max(financial) as financial,
        max(fulfillment) as fulfillment,
        max(subtotal)::double as subtotal,
        coalesce(max(shipping), 0)::double as shipping,
        coalesce(max(taxes), 0)::double as taxes,
        max(total)::double as total,
        coalesce(max(refunded), 0)::double as refunded,
        max(currency) as currency,
        max(country) as country,
        coalesce(max(source), 'web') as source,
        sum(price * quantity - discount)::double as gross,
        coalesce(sum(price * quantity - discount) filter (is_taxable), 0)::double as taxed,
        max(_file) as _file,
        min(_row) as _row
    from _rows
    where not is_repeated
    group by order_id
)

select
    *,
    -- a discount on the order is spread over its lines
    coalesce(subtotal / nullif(gross, 0), 1) as kept_share,
    abs(total - subtotal - shipping) < 0.02 as is_tax_included,
    case
        when is_tax_included then 1 - coalesce(taxes / nullif(taxed * coalesce(subtotal / nullif(gross, 0), 1) + shipping, 0), 0)
        else 1
    end as net_share,
    1 - coalesce(taxes / nullif(total, 0), 0) as refund_net_share
from summed
