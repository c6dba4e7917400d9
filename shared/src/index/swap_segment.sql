-- Replaces the segment of an index version, if it is still the one that was read. ?1 the index version, ?2 key of the new
-- object, ?3 highest chunk number that it covers, ?4 number of deleted chunks that it omits, ?5 key of the previous object, or NULL.
UPDATE index_versions SET segment = ?2, segment_seq = ?3, dead = max(0, dead - ?4)
WHERE id = ?1 AND segment IS ?5 AND dropped_at IS NULL
RETURNING json_object('id', id)
