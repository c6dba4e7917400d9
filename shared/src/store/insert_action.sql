-- Creates an action. ?1 {"tenant","id","verb","filter","include_retrying","note","created_at","expected","expects_more","rate","canary","canary_ms",
-- "position"}.
INSERT INTO actions (tenant, id, verb, filter, include_retrying, note, state, created_at, expected, expects_more, rate, next_start_at,
  canary, canary_ms, canary_state, position, turn_at)
SELECT ?1 ->> 'tenant', ?1 ->> 'id', ?1 ->> 'verb', ?1 -> 'filter', ?1 ->> 'include_retrying', ?1 ->> 'note', 'running', ?1 ->> 'created_at',
  ?1 ->> 'expected', ?1 ->> 'expects_more', ?1 ->> 'rate', 0, ?1 ->> 'canary', ?1 ->> 'canary_ms',
  CASE WHEN ?1 ->> 'canary' IS NOT NULL THEN 'pending' END, ?1 -> 'position', CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE true
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
