-- Deletes groups whose jobs are all about to be erased. They are deleted before their jobs, because a label may contain
-- personal data. It runs after uncount_erased.sql.
-- ?1 as in count_erased.sql.
DELETE FROM groups WHERE total = 0 AND (tenant, id) IN (
  SELECT j.tenant, j.job_group FROM json_each(?1, '$.jobs') i
  CROSS JOIN jobs j ON j.tenant = ?1 ->> 'tenant' AND j.id = i.value ->> 0
  WHERE j.job_group IS NOT NULL)
RETURNING json_object('id', id)
