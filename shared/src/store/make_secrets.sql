-- Inserts missing signing secrets, each in the current version of its endpoint; '' is the tenant's default, in version
-- 1. Existing secrets are kept: of two writers, the second reads back what the first inserted. A store of another epoch
-- than ?2 waits for its confirmation and gets none.
-- ?1 [[tenant, endpoint, sealed], ...], ?2 the epoch of the deployment.
INSERT INTO signing_secrets (tenant, endpoint, secret_version, sealed, created_at)
SELECT i.value ->> 0, i.value ->> 1, coalesce(e.secret_version, 1), i.value ->> 2, CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i
LEFT JOIN endpoints e ON e.tenant = i.value ->> 0 AND e.id = i.value ->> 1
WHERE (i.value ->> 1 = '' OR e.state <> 'deleted') AND ?2 = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
ON CONFLICT DO NOTHING
RETURNING json_object('endpoint', endpoint)
