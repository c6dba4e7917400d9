-- Records the outcomes of one flush. A settlement whose lease has ended writes nothing. A job that stays running is
-- deferred: its lease lasts until its completion is due.
-- ?1 the list of settlements, ?2 the lease token, ?3 the retention of succeeded jobs in ms, ?4 that of dead jobs,
-- ?5 the cause of failures that have no row in `causes`, because the tenant has too many.
-- The list is parsed once: each `->>` on a row of json_each would write it as text and parse it again.
WITH settlements AS MATERIALIZED (SELECT jsonb(value) AS value FROM json_each(?1))
UPDATE jobs SET
  state = CASE WHEN o.state IN ('retrying', 'held') AND cancel_requested = 1 THEN 'cancelled' ELSE o.state END,
  failures = o.failures, quarantined = 0, crashes = 0, deferred = o.state = 'running',
  lease_token = CASE o.state WHEN 'running' THEN lease_token END,
  lease_until = CASE o.state WHEN 'running' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + o.delay_ms END,
  run_after = CASE o.state WHEN 'retrying' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + o.delay_ms ELSE run_after END,
  next_check_at = CASE
    WHEN o.state = 'running' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + o.delay_ms
    WHEN o.state = 'held' AND cancel_requested = 0 THEN NULL
    WHEN o.state = 'retrying' AND cancel_requested = 0 THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + o.delay_ms + o.redispatch_backoff_ms
    WHEN o.state = 'dead' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?4
    WHEN o.state = 'succeeded' AND next_check_at IS NULL AND created_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?3 + 7200000 THEN NULL
    ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3 END,
  finished_at = CASE WHEN o.state IN ('succeeded', 'dead') OR (o.state <> 'running' AND cancel_requested = 1) THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
  dead_state = CASE o.state WHEN 'dead' THEN 'open' END, dead_reason = o.reason,
  cause = CASE WHEN o.state = 'running' THEN jobs.cause
    WHEN o.cause IS NULL OR EXISTS (SELECT 1 FROM causes c WHERE c.tenant = o.tenant AND c.id = o.cause) THEN o.cause
    ELSE ?5 END,
  dies_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + o.dies_in_ms,
  error = o.error, result = o.result, result_error = o.result_error,
  payload = CASE WHEN o.state = 'succeeded' AND o.keep_payload = 0 THEN NULL ELSE payload END,
  log = json_set(log, '$[' || (jobs.attempt - 1) || ']',
    json_patch(json_extract(log, '$[' || (jobs.attempt - 1) || ']'), o.entry))
FROM (SELECT value ->> 'tenant' AS tenant, value ->> 'id' AS id, value ->> 'attempt' AS attempt,
    value ->> 'state' AS state, value ->> 'failures' AS failures, value ->> 'delay_ms' AS delay_ms,
    value ->> 'redispatch_backoff_ms' AS redispatch_backoff_ms, value ->> 'reason' AS reason,
    value ->> 'cause' AS cause, value ->> 'dies_in_ms' AS dies_in_ms, value -> 'entry' AS entry,
    nullif(value -> 'error', 'null') AS error, nullif(value -> 'result', 'null') AS result,
    value ->> 'result_error' AS result_error, value ->> 'keep_payload' AS keep_payload
  FROM settlements i) o
WHERE jobs.tenant = o.tenant AND jobs.id = o.id AND jobs.attempt = o.attempt
  AND +jobs.state = 'running' AND jobs.lease_token = ?2
RETURNING json_array(tenant, id)
