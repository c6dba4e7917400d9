-- Deletes signing secrets of an endpoint that are no longer used: all but the last two, or all of a deleted endpoint.
-- ?1 tenant, ?2 endpoint.
DELETE FROM signing_secrets WHERE tenant = ?1 AND endpoint = ?2
  AND secret_version < (SELECT CASE state WHEN 'deleted' THEN secret_version + 1 ELSE secret_version - 1 END
    FROM endpoints WHERE tenant = ?1 AND id = ?2)
RETURNING json_object('secret_version', secret_version)
