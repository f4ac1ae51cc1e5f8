-- Columns are padded with spaces; the master has a header, the sample an own number before the day.
with split as (
    select _row, string_split_regex(trim(line), '\s+') as parts
    from read_lines('CDNOW_master.txt', 'CDNOW_sample.txt')
)

select
    _row,
    parts[1] as customer_id,
    parts[-3] as day,
    parts[-2] as discs,
    as_number(parts[-1]) as dollars
from split
where parts[1] <> 'customer_id'
