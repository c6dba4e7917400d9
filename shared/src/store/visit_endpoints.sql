-- Reads the endpoints that a rotation of the master key visits next; those with a header under the old key also return
-- their headers.
-- ?1 [tenant, id] of the last one, ?2 the id of the old key, ?3 rows.
SELECT json_object('at', json_array(tenant, id),
  'sealed', json(CASE WHEN instr(headers, '"' || ?2) > 0 THEN headers END))
FROM endpoints WHERE (tenant, id) > (?1 ->> 0, ?1 ->> 1) ORDER BY tenant, id LIMIT ?3
