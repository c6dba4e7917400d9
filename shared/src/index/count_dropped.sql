-- Counts the chunks that the previous statement deleted. ?1 the index version.
UPDATE index_versions SET chunks = chunks - changes(), dead = dead + changes() WHERE id = ?1 AND changes() > 0 RETURNING ''
