-- A group's counters. ?1 tenant, ?2 id.
SELECT json_object('tenant', tenant, 'id', id, 'total', total, 'succeeded', succeeded, 'dead', dead, 'replayed', replayed,
  'cancelled', cancelled, 'created_at', created_at, 'finished_at', finished_at)
FROM groups WHERE tenant = ?1 AND id = ?2
