-- Words of a generation that no chunk says. ?1 the generation.
SELECT json_array(w.rowid) FROM words w WHERE w.words MATCH 'scope : "' || ?1 || '"'
  AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.generation = ?1 AND c.seq = w.rowid)
