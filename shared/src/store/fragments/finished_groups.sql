-- Groups that have finished and whose webhook job is not recorded yet. `at` is when the group was closed or its last job ended,
-- whichever is later; `error` is the reason why no job is made. `job` is the id that the close stored, with that time in it: ten
-- characters as in a ULID, five bits each, the highest first. The time is the database's, as a batch that ends jobs reads no clock.
-- ?1 [[tenant, job], ...], or [[tenant, null, group]].
WITH ended AS MATERIALIZED (
  SELECT DISTINCT g.tenant, g.id, g.on_finished ->> 'id' AS job, g.on_finished ->> 'endpoint' AS endpoint,
    max(g.closed_at, g.finished_at) AS at, '0123456789ABCDEFGHJKMNPQRSTVWXYZ' AS digits
  FROM json_each(?1) i
  CROSS JOIN groups g ON g.tenant = i.value ->> 0 AND g.id = coalesce(i.value ->> 2,
    (SELECT j.job_group FROM jobs j WHERE j.tenant = i.value ->> 0 AND j.id = i.value ->> 1))
  WHERE g.on_finished IS NOT NULL AND g.on_finished_job IS NULL AND g.finished_at IS NOT NULL),
finished AS MATERIALIZED (
  SELECT v.tenant, v.id, v.at,
    substr(v.job, 1, 6)
      || substr(v.digits, 1 + ((v.at >> 45) & 31), 1) || substr(v.digits, 1 + ((v.at >> 40) & 31), 1)
      || substr(v.digits, 1 + ((v.at >> 35) & 31), 1) || substr(v.digits, 1 + ((v.at >> 30) & 31), 1)
      || substr(v.digits, 1 + ((v.at >> 25) & 31), 1) || substr(v.digits, 1 + ((v.at >> 20) & 31), 1)
      || substr(v.digits, 1 + ((v.at >> 15) & 31), 1) || substr(v.digits, 1 + ((v.at >> 10) & 31), 1)
      || substr(v.digits, 1 + ((v.at >> 5) & 31), 1) || substr(v.digits, 1 + (v.at & 31), 1)
      || substr(v.job, 17) AS job,
    CASE WHEN EXISTS (SELECT 1 FROM erasures r WHERE r.tenant = v.tenant AND ifnull(r.subject, '') = '' AND r.state = 'running')
        THEN 'erasure'
      WHEN NOT EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = v.tenant AND e.id = v.endpoint AND e.state <> 'deleted')
        THEN 'endpoint_deleted' END AS error
  FROM ended v)
