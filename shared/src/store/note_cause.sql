-- Records that an operator changes the state of a cause. It runs before set_cause.sql. A cause that is ignored again gets another
-- end, so that is a change. ?1 as in audit.sql.
-- include: audit.sql
  ?1 ->> 'tenant', json_object('state', v.state), ?1 -> 'after'
FROM (SELECT CASE WHEN state = 'ignored' AND until <= CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN 'open' ELSE state END AS state
  FROM causes WHERE tenant = ?1 ->> 'tenant' AND id = ?1 ->> 'target') v
WHERE v.state <> ?1 ->> '$.after.state' OR v.state = 'ignored'
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
