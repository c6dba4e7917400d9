-- Inserts the words of new chunks. ?1 {"index_version","document"}, ?2 [{"hash","heading","text","heading_words","text_words"},
-- ...]. Skips entries without a chunk.
INSERT INTO words (rowid, scope, heading_words, text_words, heading, text)
SELECT c.seq, c.index_version, j.value ->> 'heading_words', j.value ->> 'text_words', j.value ->> 'heading', j.value ->> 'text'
FROM json_each(?2) j CROSS JOIN chunks c
  ON c.index_version = ?1 ->> 'index_version' AND c.document = ?1 ->> 'document' AND c.hash = j.value ->> 'hash'
WHERE NOT EXISTS (SELECT 1 FROM words w WHERE w.rowid = c.seq)
RETURNING ''
