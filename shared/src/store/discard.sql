-- Discards dead letters and releases their idempotency keys. ?1 tenant, ?2 [{"id"}, ...], ?3 as in step.sql, ?4 note or NULL.
UPDATE jobs SET dead_state = 'discarded', note = ?4, idempotency_key = NULL, key_until = NULL, action = coalesce(?3 ->> 'action', action)
WHERE tenant = ?1 AND id IN (SELECT value ->> 'id' FROM json_each(?2)) AND +state = 'dead' AND dead_state = 'open' AND
-- include: step.sql
RETURNING json_object('id', id)
