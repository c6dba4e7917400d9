-- Which of these documents are as a job has brought them, or as one that was accepted later has. ?1 the id of the index, ?2 the
-- version of the job, ?3 [document, ...].
SELECT json_quote(d.id) FROM json_each(?3) j
CROSS JOIN documents d ON d.index_id = ?1 AND d.id = j.value AND d.version >= ?2
