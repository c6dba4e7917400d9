-- Re-seals signing secrets that still have the value which was read. ?1 [[tenant, endpoint, old, new], ...].
UPDATE signing_secrets SET sealed = o.new
FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS endpoint, value ->> 2 AS old, value ->> 3 AS new FROM json_each(?1)) AS o
WHERE signing_secrets.tenant = o.tenant AND signing_secrets.endpoint = o.endpoint AND signing_secrets.sealed = o.old
RETURNING json_array(tenant, endpoint)
