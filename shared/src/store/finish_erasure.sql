-- A whole round met nothing, and no id below where it ends can be accepted any more: the erasure is done. Of its subject
-- the receipt keeps the digest alone. ?1 {"tenant","id","seen_position","seen_turn_at","digest"}, ?2 the ms to wait.
UPDATE erasures SET state = 'done', finished_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), position = '',
  subject = ?1 ->> 'digest'
WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'id' AND state = 'running' AND found = 0
  AND position = ?1 ->> 'seen_position' AND turn_at = ?1 ->> 'seen_turn_at'
  AND created_at + ?2 <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING json_object('id', id)
