-- Settings of an endpoint for the audit log: the names of its headers without their values, and its URL without the query,
-- which may hold a secret.
json_object('state', state, 'url', substr(url, 1, instr(url || '?', '?') - 1), 'service', service,
  'headers', json((SELECT json_group_array(h.value ->> 0) FROM json_each(endpoints.headers) h)),
  'timeout_seconds', timeout_seconds, 'connections', connections, 'schedule', backoff, 'max_attempts', max_attempts,
  'evidence', evidence, 'keep_payload', json(CASE keep_payload WHEN 1 THEN 'true' ELSE 'false' END),
  'dead_letter_on', json(dead_letter_on), 'redact', json(redact))
