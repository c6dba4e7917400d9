-- Reads where a page of the audit log stopped: the oldest row in it and its number of rows. ?1 and ?2 as in list_audit.sql.
SELECT json_object('id', min(id), 'at', at, 'rows', count(*))
FROM (SELECT id, at FROM audit WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before_id' AND id >= ?1 ->> 'from_id'
  ORDER BY id DESC LIMIT ?2)
