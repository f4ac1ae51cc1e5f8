select 'marketplace' as touchpoint, 'web' as kind
