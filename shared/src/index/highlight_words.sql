-- Reads the words of the first existing chunks in this order, with brackets around the words of the query. ?1 [[word, its parts
-- or null], ...] as FTS5 expressions, searched for as in find_words.sql, ?2 [seq, ...], ?3 limit, ?4 the index version, ?5 id
-- of the index.
SELECT json_array(rowid, highlight(words, 2, '[', ']')) FROM words
WHERE words MATCH (SELECT '{heading_words text_words} : ('
    || group_concat(iif(j.value ->> 1 IS NULL OR EXISTS (SELECT 1 FROM words w
        WHERE w.words MATCH 'scope : "' || ?4 || '" AND {heading_words text_words} : (' || (j.value ->> 0) || ')'),
      j.value ->> 0, j.value ->> 1), ' OR ') || ')' FROM json_each(?1) j)
  AND rowid IN (SELECT c.seq FROM json_each(?2) j
    CROSS JOIN chunks c ON c.index_version = ?4 AND c.seq = j.value
    CROSS JOIN documents d ON d.index_id = ?5 AND d.id = c.document AND d.deleted = 0 LIMIT ?3)
