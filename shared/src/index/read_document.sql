-- Reads the current version of a document with its layout in each index version. ?1 id of the index, ?2 the document, ?3 [index
-- version, ...].
SELECT json_object('version', d.version, 'deleted', d.deleted, 'source', d.source, 'hash', d.hash, 'metadata', json(d.metadata),
  'layouts', json((SELECT json_group_array(json_object('index_version', l.index_version, 'hash', l.hash, 'chunks', json(l.chunks)))
    FROM json_each(?3) g CROSS JOIN layouts l ON l.index_version = g.value AND l.document = d.id)))
FROM documents d WHERE d.index_id = ?1 AND d.id = ?2
