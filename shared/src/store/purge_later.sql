-- Postpones the deletion of terminal jobs until the window of their idempotency key ends. ?1 [[tenant, id], ...].
UPDATE jobs SET next_check_at = key_until
WHERE (tenant, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))
  AND +state IN ('succeeded', 'dead', 'cancelled') AND next_check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) AND key_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING json_array(tenant, id)
