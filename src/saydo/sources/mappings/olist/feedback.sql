-- A review may stand on several orders and an order may have several reviews: the key is the pair.
-- The time is that of the answer; some answers are older than the delivery, a few older than the order.
select
    concat(review_id, '-', order_id) as feedback_id,
    review_id as reply_id,
    person as customer_id,
    order_id,
    'marketplace' as touchpoint,
    'review' as survey,
    'event' as occasion,
    'review' as source,
    'stars' as question,
    as_time(review_answer_timestamp) as said_at,
    review_score as score,
    '1' as scale_min,
    '5' as scale_max,
    nullif(concat_ws(chr(10), bare(review_comment_title), bare(review_comment_message)), '') as comment,
    case when comment is not null then 'pt' end as language
from read('olist_order_reviews_dataset.csv')
left join _orders using (order_id)
