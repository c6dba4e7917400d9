-- Discards the segment of an index version; a merge rebuilds it from the chunks. ?1 the index version, ?2 the object.
UPDATE index_versions SET segment = NULL, segment_seq = 0, dead = 0 WHERE id = ?1 AND segment = ?2 RETURNING ''
