-- Hours whose succeeded jobs may leave. ?1 is the hour before which, ?2 how many at most.
SELECT json_object('hour', hour, 'tenant', tenant) FROM tenant_hours WHERE hour < ?1 ORDER BY hour LIMIT ?2
