-- Stores a malformed message with its bytes. ?1 {"id","queue","reason","body"}.
INSERT INTO malformed_messages (id, queue, reason, body, created_at)
SELECT ?1 ->> 'id', ?1 ->> 'queue', ?1 ->> 'reason', ?1 ->> 'body', CAST(unixepoch('subsec') * 1000 AS INTEGER)
WHERE true
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
