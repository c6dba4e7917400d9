-- The texts of chunks with marks around these words. ?1 words as FTS5 takes them, ?2 [seq, ...].
SELECT json_array(rowid, highlight(words, 2, char(2), char(3))) FROM words
WHERE words MATCH '{heading text} : (' || ?1 || ')' AND rowid IN (SELECT value FROM json_each(?2))
