-- Reads an index version, and the chunks of its segment that still exist. ?1 the index version.
SELECT json_object('dimensions', dimensions, 'segment', segment, 'dead', dead,
  'alive', json((SELECT json_group_array(c.seq) FROM chunks c WHERE c.index_version = g.id AND c.seq <= g.segment_seq)))
FROM index_versions g WHERE id = ?1 AND dropped_at IS NULL
