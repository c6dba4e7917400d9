-- How many documents an index has, and how many of them each generation has cut as they stand. ?1 tenant, ?2 name. It reads a
-- row for each document: people ask for it.
SELECT json_object(
  'documents', (SELECT count(*) FROM documents d WHERE d.index_id = i.id AND d.deleted = 0),
  'cut', json((SELECT json_group_object(g.id, (SELECT count(*) FROM documents d
      CROSS JOIN layouts l ON l.generation = g.id AND l.document = d.id AND l.hash = d.hash
      WHERE d.index_id = i.id AND d.deleted = 0))
    FROM generations g WHERE g.id IN (i.serving, i.building))))
FROM indexes i WHERE tenant = ?1 AND name = ?2
