-- Reads one erasure. ?1 tenant, ?2 id; if ?2 is NULL, the running erasure of ?3, a subject or NULL for the whole
-- tenant.
SELECT json_object('id', id, 'tenant', tenant, 'subject', subject, 'state', state, 'counts', json(counts),
  'created_at', created_at, 'finished_at', finished_at)
FROM erasures WHERE tenant = ?1 AND id = coalesce(?2, (SELECT e.id FROM erasures e
  WHERE e.state = 'running' AND e.tenant = ?1 AND ifnull(e.subject, '') = ifnull(?3, '')))
