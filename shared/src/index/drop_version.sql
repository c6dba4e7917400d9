-- Drops an index version that its index no longer names; the sweep deletes its data in batches. ?1 the index version.
UPDATE index_versions SET dropped_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE id = ?1 AND dropped_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM indexes i WHERE i.id = index_versions.index_id AND ?1 IN (i.serving, i.building))
RETURNING ''
