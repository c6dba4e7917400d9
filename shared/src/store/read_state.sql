-- Whether a job has ended: what a waiting reader asks again and again. ?1 tenant, ?2 id.
SELECT json_object('finished', finished_at IS NOT NULL) FROM jobs WHERE tenant = ?1 AND id = ?2
