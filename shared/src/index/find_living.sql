-- Finds the chunks that still exist. ?1 the index version, ?2 [seq, ...].
SELECT json_quote(c.seq) FROM json_each(?2) j CROSS JOIN chunks c ON c.index_version = ?1 AND c.seq = j.value
