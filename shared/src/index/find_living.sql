-- Which of these chunks are there still. ?1 the generation, ?2 [seq, ...].
SELECT json_quote(c.seq) FROM json_each(?2) j CROSS JOIN chunks c ON c.generation = ?1 AND c.seq = j.value
