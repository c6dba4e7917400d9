-- Sets or clears the index version that is being built. ?1 tenant, ?2 name, ?3 the new version, or NULL, ?4 the serving
-- version, ?5 the previous building version, or NULL.
UPDATE indexes SET building = ?3 WHERE tenant = ?1 AND name = ?2 AND serving = ?4 AND building IS ?5
  AND NOT EXISTS (SELECT 1 FROM index_versions WHERE id = ?3)
RETURNING ''
