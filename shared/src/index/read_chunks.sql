-- Reads the first existing chunks in this order, for the hits of a search. ?1 the index version, ?2 id of the index, ?3 [seq,
-- ...], ?4 limit. json_each yields its list in order, so LIMIT stops early and nothing is sorted.
SELECT json_object('seq', c.seq, 'document', c.document, 'source', d.source, 'heading', w.heading, 'text', w.text,
  'metadata', json(d.metadata),
  'span', json((SELECT json_array(s.value -> 1, s.value -> 2) FROM layouts l CROSS JOIN json_each(l.chunks) s
    WHERE l.index_version = ?1 AND l.document = c.document AND s.value ->> 0 = c.hash LIMIT 1)))
FROM (SELECT c.seq, c.document, c.hash FROM json_each(?3) j CROSS JOIN chunks c ON c.index_version = ?1 AND c.seq = j.value
  CROSS JOIN documents d ON d.index_id = ?2 AND d.id = c.document AND d.deleted = 0 LIMIT ?4) c
CROSS JOIN documents d ON d.index_id = ?2 AND d.id = c.document
CROSS JOIN words w ON w.rowid = c.seq
