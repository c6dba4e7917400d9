-- A row of `groups`.
json_object('tenant', tenant, 'id', id, 'total', total, 'succeeded', succeeded, 'dead', dead, 'replayed', replayed,
  'cancelled', cancelled, 'created_at', created_at, 'finished_at', finished_at, 'closed_at', closed_at,
  'on_finished', on_finished ->> 'endpoint', 'on_finished_job', on_finished_job, 'on_finished_error', on_finished_error)
