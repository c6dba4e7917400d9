-- Groups whose jobs have ended, and left, long ago. ?1 how long they stay in ms, ?2 how many at most.
DELETE FROM groups WHERE (tenant, id) IN (
  SELECT tenant, id FROM groups INDEXED BY groups_finished
  WHERE finished_at IS NOT NULL AND finished_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY finished_at LIMIT ?2)
RETURNING json_object('id', id)
