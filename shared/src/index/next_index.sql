-- Finds the next index of a tenant by name. ?1 tenant, ?2 the previous name, or ''.
SELECT json_quote(name) FROM indexes WHERE tenant = ?1 AND name > ?2 ORDER BY name LIMIT 1
