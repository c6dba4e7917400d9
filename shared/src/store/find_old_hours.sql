-- Finds hours whose succeeded jobs may be deleted. ?1 the first hour that may not, ?2 the maximum number of rows.
SELECT json_object('hour', hour, 'tenant', tenant) FROM tenant_hours WHERE hour < ?1 ORDER BY hour LIMIT ?2
