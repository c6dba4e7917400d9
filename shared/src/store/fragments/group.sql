-- A row of `groups`.
json_object('tenant', tenant, 'id', id, 'total', total, 'succeeded', succeeded, 'dead', dead, 'replayed', replayed,
  'cancelled', cancelled, 'created_at', created_at, 'finished_at', finished_at)
