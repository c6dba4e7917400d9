-- Documents that a removal took away. ?1 the id of the index, ?2 the version of the removal.
SELECT json_array(count(*)) FROM documents WHERE index_id = ?1 AND deleted = 1 AND version = ?2
