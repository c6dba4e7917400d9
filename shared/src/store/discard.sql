-- Discards a dead letter and releases its idempotency key. ?1 tenant, ?2 id, ?3 note or NULL.
UPDATE jobs SET dead_state = 'discarded', note = ?3, idempotency_key = NULL, key_until = NULL
WHERE tenant = ?1 AND id = ?2 AND +state = 'dead' AND dead_state = 'open'
RETURNING json_object('id', id)
