-- The jobs of an accept are counted against the quotas of its key and its tenant, between two counts as groups are: ?1 is its
-- list of new jobs, ?3 is -1 before it and 1 after it. A repeat counts nothing, also one on the next day, or of what came
-- before the quota: between the counts there may be less than none. The jobs are looked at only where there is a quota, because
-- what counts them names its row. ?4 is how far an id may be off: a job whose id is of before midnight counts for the day
-- that it comes in.
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
