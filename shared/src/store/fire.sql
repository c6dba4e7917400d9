-- Advances schedules, each once: a tick that read another revision or occurrence writes nothing. The state of each
-- entry is decided here and written into the history, which names the jobs that insert_fired.sql then inserts.
-- ?1 [{"tenant","id","revision","seen_occurrence","last_occurrence","next_at","created_at","kind","newest_job",
-- "entries":[...]}, ...], with the newest entry first, each {"scheduled_for","state","job_id","key","detail"};
-- ?2 the allowed skew in ms, ?3 the number of entries to keep.
UPDATE schedules SET last_occurrence = v.item ->> 'last_occurrence', next_at = v.item ->> 'next_at',
  last_job = CASE WHEN v.refusal IS NULL THEN coalesce(v.item ->> 'newest_job', last_job) ELSE last_job END,
  history = (SELECT json_group_array(json(entry)) FROM (
    SELECT entry FROM (
      SELECT 0 AS part, e.key AS place, json_object('scheduled_for', e.value ->> 'scheduled_for',
        'fired_at', CAST(unixepoch('subsec') * 1000 AS INTEGER),
        'state', CASE WHEN e.value ->> 'job_id' IS NULL THEN e.value ->> 'state' ELSE coalesce(v.refusal, e.value ->> 'state') END,
        -- If a job already holds the entry's key, the entry names that job, so a clock that went back creates no second job.
        'job_id', CASE WHEN v.refusal IS NULL THEN coalesce((SELECT k.id FROM jobs k WHERE k.tenant = v.tenant
          AND k.idempotency_key = e.value ->> 'key' AND k.kind = v.item ->> 'kind' AND k.endpoint = v.endpoint),
          e.value ->> 'job_id') END,
        'detail', CASE WHEN e.value ->> 'job_id' IS NULL THEN e.value ->> 'detail'
          WHEN v.refusal = 'refused' THEN 'The endpoint is deleted.' WHEN v.refusal = 'skipped' THEN 'The previous job is still open.' END) AS entry
      FROM json_each(v.item, '$.entries') e
      UNION ALL SELECT 1, h.key, h.value FROM json_each(schedules.history) h)
    ORDER BY part, place LIMIT ?3))
FROM (SELECT i.value AS item, s.tenant AS tenant, s.id AS id, s.endpoint AS endpoint,
    CASE WHEN s.endpoint <> '' AND NOT EXISTS (SELECT 1 FROM endpoints e
        WHERE e.tenant = s.tenant AND e.id = s.endpoint AND e.state <> 'deleted') THEN 'refused'
      WHEN s.overlap = 'skip' AND i.value ->> '$.entries[0].state' <> 'run_now' AND EXISTS (SELECT 1 FROM jobs j
        WHERE j.tenant = s.tenant AND j.id = s.last_job AND j.finished_at IS NULL) THEN 'skipped' END AS refusal
  FROM json_each(?1) i CROSS JOIN schedules s ON s.tenant = i.value ->> 'tenant' AND s.id = i.value ->> 'id') AS v
WHERE schedules.tenant = v.tenant AND schedules.id = v.id
  AND schedules.revision = v.item ->> 'revision' AND schedules.last_occurrence = v.item ->> 'seen_occurrence'
  AND abs((v.item ->> 'created_at') - CAST(unixepoch('subsec') * 1000 AS INTEGER)) <= ?2
  AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'storage_full' AND value = 1)
RETURNING json_array(tenant, id)
