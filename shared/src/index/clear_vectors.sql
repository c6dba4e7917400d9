-- Vectors that were kept for long leave, the oldest first. ?1 for how many milliseconds, ?2 how many.
DELETE FROM vectors WHERE (tenant, model, hash) IN (SELECT tenant, model, hash FROM vectors
  WHERE made_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY made_at LIMIT ?2)
RETURNING ''
