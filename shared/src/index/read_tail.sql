-- Reads the chunks that an index version's segment lacks, in order. ?1 the index version, ?2 limit.
SELECT json_array(c.seq, c.vector) FROM index_versions g CROSS JOIN chunks c ON c.index_version = g.id AND c.seq > g.segment_seq
WHERE g.id = ?1 ORDER BY c.seq LIMIT ?2
