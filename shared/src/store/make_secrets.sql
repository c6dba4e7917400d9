-- Signing secrets that are missing, each in the current version of its endpoint; '' is the tenant's default, of
-- version 1. What is there stays: who comes second reads what the first has made. A store of another epoch than ?2 waits
-- to be confirmed, and gets none. ?1 [[tenant, endpoint, sealed], ...].
INSERT INTO signing_secrets (tenant, endpoint, secret_version, sealed, created_at)
SELECT i.value ->> 0, i.value ->> 1, coalesce(e.secret_version, 1), i.value ->> 2, CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i
LEFT JOIN endpoints e ON e.tenant = i.value ->> 0 AND e.id = i.value ->> 1
WHERE (i.value ->> 1 = '' OR e.state <> 'deleted') AND ?2 = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
ON CONFLICT DO NOTHING
RETURNING json_object('endpoint', endpoint)
