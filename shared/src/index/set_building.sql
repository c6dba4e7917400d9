-- An index version is to take the place of the one that is searched; or none is. ?1 tenant, ?2 name, ?3 the new one, or NULL, ?4 the
-- one that is searched, ?5 the one that was to take its place, or NULL.
UPDATE indexes SET building = ?3 WHERE tenant = ?1 AND name = ?2 AND serving = ?4 AND building IS ?5
  AND NOT EXISTS (SELECT 1 FROM index_versions WHERE id = ?3)
RETURNING ''
