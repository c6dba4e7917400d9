-- Deletes the words of the chunks that clear_chunks.sql deletes next. ?1 maximum number of chunks.
DELETE FROM words WHERE rowid IN (SELECT c.seq FROM
  (SELECT id FROM index_versions WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN chunks c ON c.index_version = g.id ORDER BY c.seq LIMIT ?1)
