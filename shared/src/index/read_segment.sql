-- Reads the object key of an index version's segment. ?1 the index version.
SELECT segment FROM index_versions WHERE id = ?1
