-- Reads the chunks of an index that no segment has yet, with their vectors. ?1 tenant, ?2 name, ?3 limit.
SELECT json_array(c.seq, c.vector) FROM indexes i CROSS JOIN index_versions g ON g.id = i.serving
CROSS JOIN chunks c ON c.index_version = g.id AND c.seq > g.segment_seq
WHERE i.tenant = ?1 AND i.name = ?2 ORDER BY c.seq LIMIT ?3
