select
    'delivery' as promise,
    'Your order arrives by the estimated date' as statement,
    'delivered by the end of that day, local time' as standard,
    'marketplace' as touchpoint,
    'logistics' as owner,
    'customer' as made_to
union all
select
    'dispatch',
    'We hand your parcel to the carrier in time',
    'handed over by the latest limit of the items of the order',
    'marketplace',
    'seller',
    'partner'
