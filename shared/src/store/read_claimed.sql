-- Reads the jobs of ?1 that the lease ?2 holds: those that the claim before it took, even if its answer was lost. A row is
-- the fields of `Claimed` in their order: an array is shorter than an object, and no names need to be compared.
SELECT json_array(j.tenant, j.id, j.kind, j.endpoint, j.event_id, j.job_group,
  j.job_group IS NOT NULL OR j.action IS NOT NULL, j.attempt, j.failures, j.quarantined,
  j.max_attempts, j.backoff, j.deadline_at, coalesce(j.scheduled_at, j.created_at), j.lease_until, CAST(unixepoch('subsec') * 1000 AS INTEGER), j.payload,
  j.payload_bytes, j.traceparent, j.tracestate, j.hops,
  CASE WHEN e.id IS NOT NULL THEN json_array(e.state, e.url, e.service, json(e.headers), e.timeout_seconds, e.connections,
    e.evidence, e.keep_payload, json(e.dead_letter_on), json(e.redact), e.secret_version, e.rotated_at) END,
  json((SELECT json_group_array(json_array(s.secret_version, s.sealed)) FROM signing_secrets s
    WHERE s.tenant = j.tenant AND s.endpoint = j.endpoint AND s.secret_version >= coalesce(e.secret_version, 1) - 1)))
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
LEFT JOIN endpoints e ON e.tenant = j.tenant AND e.id = j.endpoint
WHERE j.lease_token = ?2
