-- Adds the totals of an erased tenant to those without a tenant and an endpoint, so that the sums over all tenants never fall. It runs
-- before erase_totals.sql deletes them. ?1 as in erase_hours.sql.
INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
SELECT '', t.kind, '', CAST(unixepoch('subsec') / 60 AS INTEGER), t.counts,
-- include: check_series_at.sql
FROM totals t WHERE t.tenant = ?1 ->> 'tenant' AND t.kind > ''
  AND EXISTS (SELECT 1 FROM erasures e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done'
    AND e.subject IS NULL)
-- include: add_counts.sql
