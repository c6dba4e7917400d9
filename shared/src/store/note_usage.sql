-- Adds the provider calls of a flush to the usage of the day. It runs before settle.sql clears the token. A deferred
-- job keeps its token, and its usage was counted before.
-- ?1 [[tenant, id, attempt, model, calls, texts, tokens], ...], ?2 the lease token of the jobs: a repeat and a job that
-- lost its lease count nothing.
INSERT INTO usage (tenant, day, model, calls, texts, tokens)
SELECT j.tenant, CAST(unixepoch('subsec') / 86400 AS INTEGER), i.value ->> 3,
  sum(i.value ->> 4), sum(i.value ->> 5), sum(i.value ->> 6)
FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
WHERE j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2 AND j.deferred = 0
GROUP BY j.tenant, i.value ->> 3
ON CONFLICT (tenant, day, model) DO UPDATE SET
  calls = calls + excluded.calls, texts = texts + excluded.texts, tokens = tokens + excluded.tokens
RETURNING json_object('day', day, 'model', model)
