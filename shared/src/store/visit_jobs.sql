-- Reads the jobs that an erasure visits next. A subject that is a number matches its text, as it was written.
-- ?1 {"tenant","subject","position","until"}, ?2 the rows to read, ?3 the rows to return.
SELECT json_object('id', id, 'attempt', attempt, 'runs', state = 'running' AND deferred = 0, 'log', json(log))
FROM (SELECT * FROM jobs WHERE tenant = ?1 ->> 'tenant' AND id > ?1 ->> 'position' AND id < ?1 ->> 'until'
  ORDER BY id LIMIT ?2)
WHERE ?1 ->> 'subject' IS NULL OR CASE json_type(metadata, '$.subject')
  WHEN 'text' THEN metadata ->> 'subject' WHEN 'null' THEN NULL ELSE metadata -> 'subject' END = ?1 ->> 'subject'
ORDER BY id LIMIT ?3
