-- The object with the vectors of an index version. ?1 the index version.
SELECT segment FROM index_versions WHERE id = ?1
