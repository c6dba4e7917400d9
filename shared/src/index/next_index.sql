-- The index of a tenant after that one by name. ?1 tenant, ?2 a name, or ''.
SELECT json_quote(name) FROM indexes WHERE tenant = ?1 AND name > ?2 ORDER BY name LIMIT 1
