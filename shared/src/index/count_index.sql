-- Counts the documents of an index, and those that each index version has chunked in their current text. ?1 tenant, ?2 name.
-- Reads one row per document; it runs only when a user reads the index.
SELECT json_object(
  'documents', (SELECT count(*) FROM documents d WHERE d.index_id = i.id AND d.deleted = 0),
  'chunked', json((SELECT json_group_object(g.id, (SELECT count(*) FROM documents d
      CROSS JOIN layouts l ON l.index_version = g.id AND l.document = d.id AND l.hash = d.hash
      WHERE d.index_id = i.id AND d.deleted = 0))
    FROM index_versions g WHERE g.id IN (i.serving, i.building))))
FROM indexes i WHERE tenant = ?1 AND name = ?2
