-- Deletes groups that finished long ago; their jobs are deleted already. ?1 their retention in ms, ?2 the maximum
-- number of rows.
DELETE FROM groups WHERE (tenant, id) IN (
  SELECT tenant, id FROM groups INDEXED BY groups_finished
  WHERE finished_at IS NOT NULL AND finished_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY finished_at LIMIT ?2)
RETURNING json_object('id', id)
