-- The chunks of these documents leave. ?1 the generation, ?2 [document, ...].
DELETE FROM chunks WHERE (generation, seq) IN (SELECT c.generation, c.seq FROM json_each(?2) j
  CROSS JOIN chunks c ON c.generation = ?1 AND c.document = j.value)
RETURNING ''
