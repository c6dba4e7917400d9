-- The signing secrets of an endpoint, the newest first. ?1 tenant, ?2 endpoint, '' for the tenant's default.
SELECT json_array(generation, sealed) FROM signing_secrets WHERE tenant = ?1 AND endpoint = ?2
ORDER BY generation DESC LIMIT 2
