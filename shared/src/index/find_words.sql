-- Finds the chunks of an index that contain any of these words, the best first. ?1 tenant, ?2 name, ?3 [[word, its parts or
-- null], ...] as FTS5 expressions, ?4 limit. If the index does not contain a word as a whole, its parts are searched for. A
-- word in a heading counts twice. The rarity of a word is measured over all indexes of the database.
SELECT json_array(rowid, -bm25(words, 0.0, 2.0, 1.0)) FROM words
WHERE words MATCH coalesce((SELECT 'scope : "' || i.serving || '" AND {heading_words text_words} : ('
    || (SELECT group_concat(iif(j.value ->> 1 IS NULL OR EXISTS (SELECT 1 FROM words w
        WHERE w.words MATCH 'scope : "' || i.serving || '" AND {heading_words text_words} : (' || (j.value ->> 0) || ')'),
      j.value ->> 0, j.value ->> 1), ' OR ') FROM json_each(?3) j) || ')'
  FROM indexes i WHERE i.tenant = ?1 AND i.name = ?2), '""')
ORDER BY bm25(words, 0.0, 2.0, 1.0), rowid LIMIT ?4
