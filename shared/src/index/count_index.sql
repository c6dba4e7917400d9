-- How many documents an index has, and how many of them each index version has cut as they stand. ?1 tenant, ?2 name. It reads a
-- row for each document: people ask for it.
SELECT json_object(
  'documents', (SELECT count(*) FROM documents d WHERE d.index_id = i.id AND d.deleted = 0),
  'chunked', json((SELECT json_group_object(g.id, (SELECT count(*) FROM documents d
      CROSS JOIN layouts l ON l.index_version = g.id AND l.document = d.id AND l.hash = d.hash
      WHERE d.index_id = i.id AND d.deleted = 0))
    FROM index_versions g WHERE g.id IN (i.serving, i.building))))
FROM indexes i WHERE tenant = ?1 AND name = ?2
