-- Inserts new chunks of a document. ?1 {"index","document","version","index_version","tenant","model"}, ?2 [hash, ...], as many
-- as the previous statement reserved numbers for. A missing cached vector yields NULL, which the schema refuses, and the whole
-- batch with it.
INSERT INTO chunks (index_version, seq, document, hash, vector)
SELECT g.id, (SELECT seq FROM counter) - j.key, d.id, j.value, v.vector
FROM json_each(?2) j
CROSS JOIN index_versions g ON g.id = ?1 ->> 'index_version' AND g.dropped_at IS NULL
CROSS JOIN documents d ON d.index_id = ?1 ->> 'index' AND d.id = ?1 ->> 'document' AND d.version = ?1 ->> 'version'
LEFT JOIN vectors v ON v.tenant = ?1 ->> 'tenant' AND v.model = ?1 ->> 'model' AND v.hash = j.value
WHERE true
ON CONFLICT (index_version, document, hash) DO NOTHING
RETURNING ''
