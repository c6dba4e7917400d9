-- Sets the state of a cause. ?1 tenant, ?2 id, ?3 open, resolved or ignored, ?4 the time in ms for which it is ignored.
UPDATE causes SET state = ?3, until = CASE ?3 WHEN 'ignored' THEN CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?4 END
WHERE tenant = ?1 AND id = ?2
RETURNING json_object('id', id)
