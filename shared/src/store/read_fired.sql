-- Reads the inserted jobs of occurrences, even if the answer to their insert was lost. ?1 as in fire.sql.
SELECT json_array(j.tenant, j.id, j.kind)
FROM json_each(?1) i CROSS JOIN json_each(i.value, '$.entries') c
CROSS JOIN jobs j ON j.tenant = i.value ->> 'tenant' AND j.id = c.value ->> 'job_id'
