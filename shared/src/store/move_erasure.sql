-- Advances the round of an erasure, or ends it and gives the turn to the next erasure, unless another sweep has moved
-- it.
-- ?1 {"tenant","id","seen_position","seen_turn_at","position","found","ended"}.
UPDATE erasures SET position = CASE WHEN ?1 ->> 'ended' THEN '' ELSE ?1 ->> 'position' END,
  found = CASE WHEN ?1 ->> 'ended' THEN 0 ELSE max(found, ?1 ->> 'found') END,
  turn_at = CASE WHEN ?1 ->> 'ended' THEN max(CAST(unixepoch('subsec') * 1000 AS INTEGER), turn_at + 1) ELSE turn_at END
WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND state = 'running'
  AND position = ?1 ->> 'seen_position' AND turn_at = ?1 ->> 'seen_turn_at'
RETURNING json_object('id', id)
