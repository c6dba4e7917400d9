-- Documents that a removal took away, or kept away: what is left of them has its version after their own. ?1 the id of the index, ?2 that version.
SELECT json_array(count(*)) FROM documents WHERE index_id = ?1 AND deleted = 1 AND version LIKE '%.' || ?2
