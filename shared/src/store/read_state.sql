-- Reads if a job has ended; a waiting reader polls this. ?1 tenant, ?2 id.
SELECT json_object('finished', finished_at IS NOT NULL) FROM jobs WHERE tenant = ?1 AND id = ?2
