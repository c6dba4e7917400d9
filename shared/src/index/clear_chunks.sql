-- The next chunks leave of the generation that was given up first. ?1 how many.
DELETE FROM chunks WHERE (generation, seq) IN (SELECT c.generation, c.seq FROM
  (SELECT id FROM generations WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN chunks c ON c.generation = g.id ORDER BY c.seq LIMIT ?1)
RETURNING ''
