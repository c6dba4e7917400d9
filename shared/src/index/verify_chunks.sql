-- Reads chunks with their words and their cached vectors. ?1 the index version, ?2 {"index","tenant","model"}, ?3 after this
-- chunk, ?4 limit.
SELECT json_object('seq', c.seq, 'document', c.document, 'hash', c.hash, 'vector', c.vector, 'kept', v.vector,
  'heading', w.heading, 'text', w.text, 'heading_words', w.heading_words, 'text_words', w.text_words,
  'is_known', EXISTS (SELECT 1 FROM documents d
    WHERE d.index_id = ?2 ->> 'index' AND d.id = c.document))
FROM chunks c LEFT JOIN words w ON w.rowid = c.seq
LEFT JOIN vectors v ON v.tenant = ?2 ->> 'tenant' AND v.model = ?2 ->> 'model' AND v.hash = c.hash
WHERE c.index_version = ?1 AND c.seq > ?3 ORDER BY c.seq LIMIT ?4
