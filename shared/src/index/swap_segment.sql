-- A segment takes the place of the one that it was made of. ?1 the index version, ?2 the new object, ?3 the last chunk that was
-- looked at for it, ?4 how many dead it left out, ?5 the object before it, or NULL.
UPDATE index_versions SET segment = ?2, segment_seq = ?3, dead = max(0, dead - ?4)
WHERE id = ?1 AND segment IS ?5 AND dropped_at IS NULL
RETURNING json_object('id', id)
