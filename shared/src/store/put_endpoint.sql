-- Creates or changes an endpoint. Secret, state and history of an existing endpoint are kept. ?1 the endpoint.
INSERT INTO endpoints (tenant, id, state, url, service, headers, timeout_seconds, connections, backoff, max_attempts, evidence, keep_payload, dead_letter_on,
  redact, created_at, updated_at)
SELECT ?1 ->> 'tenant', ?1 ->> 'id', 'active', ?1 ->> 'url', ?1 ->> 'service', ?1 -> 'headers', ?1 ->> 'timeout_seconds',
  ?1 ->> 'connections', ?1 ->> 'backoff', ?1 ->> 'max_attempts', ?1 ->> 'evidence', ?1 ->> 'keep_payload', ?1 -> 'dead_letter_on', ?1 -> 'redact', CAST(unixepoch('subsec') * 1000 AS INTEGER), CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE true
ON CONFLICT (tenant, id) DO UPDATE SET url = excluded.url, service = excluded.service, headers = excluded.headers,
  timeout_seconds = excluded.timeout_seconds, connections = excluded.connections, backoff = excluded.backoff, max_attempts = excluded.max_attempts,
  evidence = excluded.evidence, keep_payload = excluded.keep_payload, dead_letter_on = excluded.dead_letter_on, redact = excluded.redact, updated_at = excluded.updated_at,
  -- A deleted endpoint is restored with a new secret: its receivers with the old one believe that the endpoint is gone.
  rotated_at = CASE state WHEN 'deleted' THEN NULL ELSE rotated_at END,
  secret_version = secret_version + (state = 'deleted'), state = CASE state WHEN 'deleted' THEN 'active' ELSE state END
RETURNING json_object('id', id)
