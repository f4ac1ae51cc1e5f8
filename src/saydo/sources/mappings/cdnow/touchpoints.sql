select 'web' as touchpoint, 'web' as kind
