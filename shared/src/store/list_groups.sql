-- A tenant's groups by name. ?1 tenant, ?2 the id after which, ?3 rows.
SELECT json_object('tenant', tenant, 'id', id, 'total', total, 'succeeded', succeeded, 'dead', dead, 'replayed', replayed,
  'cancelled', cancelled, 'created_at', created_at, 'finished_at', finished_at)
FROM groups WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3
