-- Counts the documents that a removal deleted or kept out: their version ends with the version of the removal. ?1 id of the
-- index, ?2 version of the removal.
SELECT json_array(count(*)) FROM documents WHERE index_id = ?1 AND deleted = 1 AND version LIKE '%.' || ?2
