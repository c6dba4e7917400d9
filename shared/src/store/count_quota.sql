-- Counts the jobs of an accept against the quotas of its key and its tenant, once before and once after the insert, as
-- for groups. So a repeat counts nothing, even on the next day, and jobs from before the quota do not count either.
-- Between the two counts the number may be negative. Without a quota the UPDATE finds no row, so it does
-- not read the jobs.
-- ?1 the list of new jobs, ?2 as in caller.sql, ?3 -1 before the accept and 1 after it, ?4 the allowed skew of an id in
-- ms: a job whose id is from just before midnight counts for the day on which it is inserted.
-- include: caller.sql
UPDATE quotas SET day = CAST(unixepoch('subsec') / 86400 AS INTEGER),
  jobs = CASE day WHEN CAST(unixepoch('subsec') / 86400 AS INTEGER) THEN quotas.jobs ELSE 0 END + ?3 * (
    SELECT count(*) FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = caller.tenant AND j.id = i.value ->> 'id'
    WHERE j.created_at >= 86400000 * CAST(unixepoch('subsec') / 86400 AS INTEGER) - ?4)
FROM caller
WHERE quotas.jobs_per_day IS NOT NULL
  AND (quotas.key_id = ?2 ->> 'key' OR (quotas.key_id = '' AND quotas.tenant = caller.tenant))
  AND EXISTS (SELECT 1 FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = caller.tenant AND j.id = i.value ->> 'id'
    WHERE quotas.jobs_per_day > 0 AND j.created_at >= 86400000 * CAST(unixepoch('subsec') / 86400 AS INTEGER) - ?4)
RETURNING json_object('jobs', jobs)
