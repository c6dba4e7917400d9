-- Postpones the check of causes that still have jobs by the same ?1 ms: those that purge_causes.sql has left. ?2 the maximum
-- number of rows.
UPDATE causes SET check_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE (tenant, id) IN (
  SELECT c.tenant, c.id FROM causes c INDEXED BY causes_to_check
  WHERE c.check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY c.check_at LIMIT ?2)
RETURNING json_object('id', id)
