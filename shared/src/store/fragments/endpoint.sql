-- A row of `endpoints`. Two objects are merged into one, because a function takes at most 32 arguments on D1. The
-- second has the columns that may be NULL.
json_patch(
  json_object('id', id, 'tenant', tenant, 'state', state, 'url', url, 'headers', json(headers),
    'timeout_seconds', timeout_seconds, 'backoff', backoff, 'max_attempts', max_attempts, 'evidence', evidence,
    'dead_letter_on', json(dead_letter_on), 'redact', json(redact), 'secret_version', secret_version, 'created_at', created_at,
    'updated_at', updated_at, 'now', CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  json_object('connections', connections, 'keep_payload', keep_payload, 'service', service, 'paused_reason', paused_reason, 'rotated_at', rotated_at, 'failing_since', failing_since,
    'last_success_at', last_success_at))
