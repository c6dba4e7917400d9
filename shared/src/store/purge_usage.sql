-- Deletes old usage. ?1 the number of days to keep, ?2 the maximum number of rows.
DELETE FROM usage WHERE (tenant, day, model) IN (
  SELECT tenant, day, model FROM usage INDEXED BY usage_by_day
  WHERE day < CAST(unixepoch('subsec') / 86400 AS INTEGER) - ?1 ORDER BY day LIMIT ?2)
RETURNING json_object('day', day)
