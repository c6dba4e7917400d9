-- Calls to providers that a flush tells of, added to those of the day.
-- ?1 [[tenant, id, attempt, model, calls, texts, tokens], ...] of the jobs that tell it, ?2 their lease token: a repeat, and who
-- lost the lease, count nothing. It runs before settle.sql takes the token away; what is deferred keeps it, and was counted.
INSERT INTO usage (tenant, day, model, calls, texts, tokens)
SELECT j.tenant, CAST(unixepoch('subsec') / 86400 AS INTEGER), i.value ->> 3,
  sum(i.value ->> 4), sum(i.value ->> 5), sum(i.value ->> 6)
FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
WHERE j.state = 'running' AND j.attempt = i.value ->> 2 AND j.lease_token = ?2 AND j.deferred = 0
GROUP BY j.tenant, i.value ->> 3
ON CONFLICT (tenant, day, model) DO UPDATE SET
  calls = calls + excluded.calls, texts = texts + excluded.texts, tokens = tokens + excluded.tokens
RETURNING json_object('day', day, 'model', model)
