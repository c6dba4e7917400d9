-- Reads the version of the last removal of a source. ?1 id of the index, ?2 the source.
SELECT json_quote(version) FROM removals WHERE index_id = ?1 AND source = ?2
