-- Deletes expired vectors from the embedding cache, the oldest first. ?1 lifetime in milliseconds, ?2 maximum number.
DELETE FROM vectors WHERE (tenant, model, hash) IN (SELECT tenant, model, hash FROM vectors
  WHERE made_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY made_at LIMIT ?2)
RETURNING ''
