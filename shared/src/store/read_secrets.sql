-- Reads the last two signing secrets of an endpoint, the newest first. ?1 tenant, ?2 endpoint; '' for the tenant's
-- default.
SELECT json_array(secret_version, sealed) FROM signing_secrets WHERE tenant = ?1 AND endpoint = ?2
ORDER BY secret_version DESC LIMIT 2
