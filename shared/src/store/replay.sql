-- The dead letter names its successor, once. ?1 tenant, ?2 id of the dead job, ?3 id of the new job,
-- ?4 its time, ?5 the skew allowed in ms. What is being erased has no successor.
UPDATE jobs SET dead_state = 'replayed', replayed_by = ?3
WHERE tenant = ?1 AND id = ?2 AND +state = 'dead' AND dead_state = 'open' AND
-- include: successor.sql
RETURNING json_object('id', id)
