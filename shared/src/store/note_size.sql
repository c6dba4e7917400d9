-- Notes the size of the database if the last note is old, and keeps that one as the note before. ?1 bytes, ?2 milliseconds after
-- which a note is old. The first note is also the one before.
INSERT INTO meta (name, value)
SELECT i.value, CASE i.value
  WHEN 'size_before' THEN coalesce((SELECT value FROM meta WHERE name = 'size_noted'), CAST(?1 AS INTEGER))
  WHEN 'size_before_at' THEN coalesce((SELECT value FROM meta WHERE name = 'size_noted_at'), CAST(unixepoch('subsec') * 1000 AS INTEGER))
  WHEN 'size_noted' THEN CAST(?1 AS INTEGER)
  ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END
FROM json_each('["size_before","size_before_at","size_noted","size_noted_at"]') i
WHERE coalesce((SELECT value FROM meta WHERE name = 'size_noted_at'), 0) <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?2
ON CONFLICT (name) DO UPDATE SET value = excluded.value
RETURNING json_object('value', value)
