-- Deletes the signing secrets of an erased tenant with its endpoints. The default secret is deleted when no job is
-- left.
-- ?1 as in request_erasure.sql.
DELETE FROM signing_secrets WHERE tenant = ?1 ->> 'tenant'
  AND EXISTS (SELECT 1 FROM erasures WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND erasures.subject IS NULL)
  AND CASE endpoint WHEN '' THEN NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.tenant = ?1 ->> 'tenant')
    ELSE NOT EXISTS (SELECT 1 FROM endpoints e WHERE e.tenant = ?1 ->> 'tenant' AND e.id = signing_secrets.endpoint) END
RETURNING json_object('endpoint', endpoint)
