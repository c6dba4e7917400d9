-- Reads the version of a document after a change, and the number of chunks that each segment lacks or has in excess. ?1 id of
-- the index, ?2 the document, ?3 [index version, ...].
SELECT json_object('version', (SELECT d.version FROM documents d WHERE d.index_id = ?1 AND d.id = ?2),
  'changes', json((SELECT json_group_object(g.id, g.dead
      + (SELECT count(*) FROM chunks c WHERE c.index_version = g.id AND c.seq > g.segment_seq))
    FROM json_each(?3) j CROSS JOIN index_versions g ON g.id = j.value)))
