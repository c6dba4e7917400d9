-- Ends attempts whose lease expired unsettled: their outcome is unknown. The job runs next in quarantine, or becomes a
-- dead letter, or is cancelled as requested.
-- A crash counts if the job ran in quarantine, its lease ended recently, and
-- the attempt began on this UTC day. A lease that ended longer ago does not count: nothing could be written for a
-- while, and the Worker may be well. Nor does an attempt of the day before, which may have met a daily limit; these
-- limits end at midnight UTC.
-- ?1 [[tenant, id], ...],
-- ?2 {"crashes_max","sends_max","seen_ms","retention_succeeded_ms","retention_dead_ms","error",
-- "crashed","late"}: the error of the ended attempts, and the ids of two causes.
UPDATE jobs SET
  state = v.state, lease_token = NULL, lease_until = NULL,
  crashes = crashes + v.crash, quarantined = 1, dispatches = 0,
  run_after = CASE v.state WHEN 'retrying' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) ELSE run_after END,
  next_check_at = CASE v.state WHEN 'retrying' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) WHEN 'dead' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?2 ->> 'retention_dead_ms')
    ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) + (?2 ->> 'retention_succeeded_ms') END,
  finished_at = CASE v.state WHEN 'retrying' THEN NULL ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  dead_state = CASE v.state WHEN 'dead' THEN 'open' END,
  dead_reason = v.reason,
  cause = CASE WHEN v.state = 'cancelled' THEN cause WHEN v.reason = 'deadline' THEN ?2 ->> 'late' ELSE ?2 ->> 'crashed' END,
  dies_at = NULL,
  error = json_set(?2 -> 'error', '$.retryable', json(CASE v.state WHEN 'retrying' THEN 'true' ELSE 'false' END)),
  log = json_set(log, '$[' || (attempt - 1) || ']', json_patch(json_extract(log, '$[' || (attempt - 1) || ']'),
    json_object('state', 'outcome_unknown', 'error', ?2 -> 'error')))
FROM (SELECT j.tenant AS tenant, j.id AS id, j.crash AS crash,
    CASE WHEN j.cancel_requested = 1 THEN 'cancelled'
      WHEN j.crashes + j.crash >= ?2 ->> 'crashes_max' OR j.attempt >= ?2 ->> 'sends_max'
        OR j.deadline_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'dead' ELSE 'retrying' END AS state,
    CASE WHEN j.cancel_requested = 1 THEN NULL
      WHEN j.crashes + j.crash >= ?2 ->> 'crashes_max' THEN 'crash_loop'
      WHEN j.attempt >= ?2 ->> 'sends_max' THEN 'attempts_exhausted'
      WHEN j.deadline_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'deadline' END AS reason
  FROM (SELECT j.tenant, j.id, j.cancel_requested, j.crashes, j.attempt, j.deadline_at,
      j.quarantined = 1 AND j.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER) - (?2 ->> 'seen_ms')
        AND json_extract(j.log, '$[' || (j.attempt - 1) || '].started_at') / 86400000 IS CAST(unixepoch('subsec') * 1000 AS INTEGER) / 86400000 AS crash
    FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1) AS j) AS v
WHERE jobs.tenant = v.tenant AND jobs.id = v.id AND +jobs.state = 'running' AND jobs.deferred = 0 AND jobs.lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING json_array(tenant, id)
