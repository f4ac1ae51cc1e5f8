-- Every line of the file, told apart: what kind it is, and why it is to be refused, if it is.
with raw as (
    select
        bare(InvoiceNo) as invoice,
        upper(bare(StockCode)) as code,
        bare(Description) as description,
        as_number(Quantity) as quantity,
        as_time(InvoiceDate) as invoiced_at,
        as_number(UnitPrice) as price,
        regexp_replace(bare(CustomerID), '\.0$', '') as customer_id,
        nullif(bare(Country), 'Unspecified') as country,
        starts_with(invoice, 'C') as is_credit,
        row_number() over (partition by invoice order by _row) as line,
        _row
    from read('online_retail.parquet', 'online_retail.csv', 'online_retail.csv.gz', 'Online Retail.xlsx')
)

select
    *,
    case
        when code in ('POST', 'DOT', 'C2') then 'shipping'
        when code in ('M', 'D', 'BANK CHARGES', 'AMAZONFEE', 'CRUK') then 'fee'
        when code = 'S' then 'trial'
        when starts_with(code, 'GIFT_') or price = 0 then 'gift'
        else 'product'
    end as kind,
    case when code not in ('POST', 'DOT', 'C2', 'M', 'D', 'BANK CHARGES', 'AMAZONFEE', 'CRUK', 'S', 'B') then code end as product_id,
    case
        when starts_with(invoice, 'A') then 'an adjustment of bad debt, no sale'
        when is_credit and code in ('BANK CHARGES', 'AMAZONFEE', 'CRUK') then 'a fee paid to a partner, no money back to a customer'
        when is_credit then null
        when quantity < 0 then 'stock written off, no sale'
        when price = 0 and customer_id is null and max(price) over (partition by invoice) = 0
        then 'no price and no customer: stock corrected, no sale'
    end as refused
from raw
