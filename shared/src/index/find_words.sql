-- The chunks of an index that say any of these words, the best first. ?1 tenant, ?2 name, ?3 words as FTS5 takes them, ?4 at
-- most. A word of a heading counts twice. How rare a word is, is counted over all indexes of the database.
SELECT json_array(rowid, -bm25(words, 0.0, 2.0, 1.0)) FROM words
WHERE words MATCH coalesce((SELECT 'scope : "' || serving || '" AND {heading text} : (' || ?3 || ')' FROM indexes
    WHERE tenant = ?1 AND name = ?2), '""')
ORDER BY bm25(words, 0.0, 2.0, 1.0), rowid LIMIT ?4
