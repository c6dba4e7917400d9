-- Compares a job's result with another one, as JSON text without white space. ?1 tenant, ?2 id, ?3 the result as JSON.
SELECT json_object('same', json(result) IS nullif(json(?3), 'null')) FROM jobs WHERE tenant = ?1 AND id = ?2
