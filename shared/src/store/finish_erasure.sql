-- Finishes an erasure: a whole round found no job, and no id below its end can be accepted later. That of a tenant has no snapshots
-- left. The receipt keeps
-- only the digest of the subject.
-- ?1 {"tenant","id","seen_position","seen_turn_at","digest"}, ?2 the shortest age of the erasure in ms.
UPDATE erasures SET state = 'done', finished_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), position = '',
  subject = ?1 ->> 'digest'
WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND state = 'running' AND found = 0
  AND position = ?1 ->> 'seen_position' AND turn_at = ?1 ->> 'seen_turn_at'
  AND created_at + ?2 <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
  AND (subject IS NOT NULL OR NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.tenant = ?1 ->> 'tenant' AND s.kind > ''))
RETURNING json_object('id', id)
