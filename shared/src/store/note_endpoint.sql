-- Records that an operator creates or changes an endpoint. It runs before put_endpoint.sql. Sealed values cannot be compared, so an
-- endpoint with headers always counts as changed. ?1 as in audit.sql, ?2 the endpoint.
-- include: audit.sql
  ?1 ->> 'tenant', v.state_before, v.state_after
FROM (SELECT
  (SELECT
-- include: endpoint_settings.sql
    FROM endpoints WHERE tenant = ?2 ->> 'tenant' AND id = ?2 ->> 'id') AS state_before,
  json_object(
    'state', coalesce((SELECT CASE state WHEN 'deleted' THEN 'active' ELSE state END FROM endpoints
      WHERE tenant = ?2 ->> 'tenant' AND id = ?2 ->> 'id'), 'active'),
    'url', substr(?2 ->> 'url', 1, instr((?2 ->> 'url') || '?', '?') - 1), 'service', ?2 ->> 'service',
    'headers', json((SELECT json_group_array(h.value ->> 0) FROM json_each(?2, '$.headers') h)),
    'timeout_seconds', ?2 ->> 'timeout_seconds', 'connections', ?2 ->> 'connections', 'schedule', ?2 ->> 'backoff',
    'max_attempts', ?2 ->> 'max_attempts', 'evidence', ?2 ->> 'evidence', 'keep_payload', ?2 -> 'keep_payload',
    'dead_letter_on', ?2 -> 'dead_letter_on', 'redact', ?2 -> 'redact') AS state_after) v
WHERE v.state_before IS NOT v.state_after OR NOT EXISTS (SELECT 1 FROM endpoints
  WHERE tenant = ?2 ->> 'tenant' AND id = ?2 ->> 'id' AND url = ?2 ->> 'url' AND headers = ?2 -> 'headers')
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
