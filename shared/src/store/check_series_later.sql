-- Postpones the check of the series that purge_snapshots.sql has checked. ?1 the maximum number of series, ?2 time in ms.
UPDATE totals SET check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
WHERE (tenant, kind, endpoint) IN (
  SELECT t.tenant, t.kind, t.endpoint FROM totals t INDEXED BY totals_to_check
  WHERE t.check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY t.check_at LIMIT ?1)
RETURNING json_array(tenant, kind, endpoint)
