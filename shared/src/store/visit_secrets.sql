-- Reads the signing secrets that a rotation of the master key visits next; those sealed under the old key also return
-- their value.
-- ?1 [tenant, endpoint, version] of the last one, ?2 the id of the old key, ?3 rows.
SELECT json_object('at', json_array(tenant, endpoint, secret_version),
  'sealed', json(CASE WHEN substr(sealed, 1, 8) = ?2 THEN json_array(json_array('', sealed)) END))
FROM signing_secrets
WHERE (tenant, endpoint, secret_version) > (?1 ->> 0, ?1 ->> 1, coalesce(?1 ->> 2, 0))
ORDER BY tenant, endpoint, secret_version LIMIT ?3
