-- The texts of the first chunks that are there, in this order, with marks around these words. ?1 words as FTS5 takes them,
-- ?2 [seq, ...], ?3 at most, ?4 the generation, ?5 the id of the index.
SELECT json_array(rowid, highlight(words, 2, char(2), char(3))) FROM words
WHERE words MATCH '{heading text} : (' || ?1 || ')' AND rowid IN (SELECT c.seq FROM json_each(?2) j
  CROSS JOIN chunks c ON c.generation = ?4 AND c.seq = j.value
  CROSS JOIN documents d ON d.index_id = ?5 AND d.id = c.document AND d.deleted = 0 LIMIT ?3)
