-- Lists malformed messages. ?1 list after this id, ?2 rows.
SELECT json_object('id', id, 'queue', queue, 'reason', reason, 'body_base64', body, 'created_at', created_at)
FROM malformed_messages WHERE id > ?1 ORDER BY id LIMIT ?2
