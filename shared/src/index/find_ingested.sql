-- Finds the documents that this job, or a job that was accepted later, has written already. ?1 id of the index, ?2 version of
-- the job, ?3 [document, ...].
SELECT json_quote(d.id) FROM json_each(?3) j
CROSS JOIN documents d ON d.index_id = ?1 AND d.id = j.value AND d.version >= ?2
