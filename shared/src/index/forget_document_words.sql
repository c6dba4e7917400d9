-- What the chunks of these documents say leaves, whatever it is. ?1 the generation, ?2 [document, ...].
DELETE FROM words WHERE rowid IN (SELECT c.seq FROM json_each(?2) j
  CROSS JOIN chunks c ON c.generation = ?1 AND c.document = j.value)
