-- Drops the index versions of an index that is deleted next; the sweep deletes their data in batches. ?1 tenant, ?2 name.
UPDATE index_versions SET dropped_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE id IN (SELECT g.value FROM indexes i CROSS JOIN json_each(json_array(i.serving, i.building)) g
    WHERE i.tenant = ?1 AND i.name = ?2)
  AND dropped_at IS NULL
RETURNING json_object('id', id)
