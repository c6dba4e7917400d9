-- Writes the successor into a dead letter, once. A job that is being erased gets no successor.
-- ?1 tenant, ?2 id of the dead job, ?3 id of the new job, ?4 its time, ?5 the allowed skew in ms.
UPDATE jobs SET dead_state = 'replayed', replayed_by = ?3
WHERE tenant = ?1 AND id = ?2 AND +state = 'dead' AND dead_state = 'open' AND
-- include: successor.sql
RETURNING json_object('id', id)
