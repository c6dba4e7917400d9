-- The chunks that the segment of a generation has not, in order. ?1 the generation, ?2 at most.
SELECT json_array(c.seq, c.vector) FROM generations g CROSS JOIN chunks c ON c.generation = g.id AND c.seq > g.segment_seq
WHERE g.id = ?1 ORDER BY c.seq LIMIT ?2
