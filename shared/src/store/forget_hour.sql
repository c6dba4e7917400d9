-- Deletes an hour once purge_hour.sql has no more jobs to delete in it. ?1 as in purge_hour.sql.
DELETE FROM tenant_hours WHERE tenant = ?1 ->> 'tenant' AND hour = ?1 ->> 'hour'
  AND NOT EXISTS (SELECT 1 FROM jobs
    WHERE tenant = ?1 ->> 'tenant' AND id >= ?1 ->> 'from_id' AND id < ?1 ->> 'to_id'
      AND +state = 'succeeded' AND next_check_at IS NULL)
RETURNING json_object('tenant', tenant)
