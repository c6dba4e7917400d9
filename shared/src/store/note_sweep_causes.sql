-- Records the causes of jobs that the sweep has ended or taken from a crashed worker, as note_causes.sql does for attempts.
-- ?1 [[tenant, id], ...] the jobs of the batch, ?2 [{"id","class","text"}, ...] the causes.
INSERT INTO causes (tenant, id, class, text, first_seen, state, check_at)
SELECT j.tenant, j.cause, f.value ->> 'class', f.value ->> 'text', CAST(unixepoch('subsec') * 1000 AS INTEGER), 'open',
  CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM json_each(?1) i
CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
CROSS JOIN json_each(?2) f ON f.value ->> 'id' = j.cause
WHERE j.state IN ('retrying', 'dead')
  AND NOT EXISTS (SELECT 1 FROM causes c WHERE c.tenant = j.tenant AND c.id = j.cause AND c.state <> 'resolved')
GROUP BY j.tenant, j.cause
ON CONFLICT (tenant, id) DO UPDATE SET state = 'open', came_back_at = excluded.first_seen WHERE causes.state = 'resolved'
RETURNING json_array(tenant, id)
