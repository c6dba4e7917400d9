-- The version before which nothing of a source stands. ?1 the id of the index, ?2 the source.
SELECT json_quote(version) FROM removals WHERE index_id = ?1 AND source = ?2
