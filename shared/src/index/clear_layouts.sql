-- The next layouts leave of the generation that was given up first. ?1 how many.
DELETE FROM layouts WHERE (generation, document) IN (SELECT l.generation, l.document FROM
  (SELECT id FROM generations WHERE dropped_at IS NOT NULL ORDER BY dropped_at LIMIT 1) g
  CROSS JOIN layouts l ON l.generation = g.id LIMIT ?1)
RETURNING ''
