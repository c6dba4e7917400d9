-- Deletes the steps of an erased tenant's actions. ?1 as in erase_hours.sql.
DELETE FROM action_steps WHERE tenant = ?1 ->> 'tenant' AND action > ''
  AND EXISTS (SELECT 1 FROM erasures e CROSS JOIN actions a ON a.tenant = e.tenant AND a.id = action_steps.action
    WHERE e.tenant = ?1 ->> 'tenant' AND e.id = ?1 ->> 'id' AND e.state = 'done' AND e.subject IS NULL AND a.created_at <= e.created_at)
RETURNING json_object('step', step)
