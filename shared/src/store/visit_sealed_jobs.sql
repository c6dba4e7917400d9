-- Reads the jobs that a rotation of the master key visits next; those with a header under the old key also return their
-- headers. A sealed value begins with U+0001.
-- ?1 [tenant, id] of the last one, ?2 the id of the old key, ?3 rows.
SELECT json_object('at', json_array(tenant, id),
  'sealed', json(CASE WHEN kind = 'webhook' AND instr(payload, '\u0001' || ?2) > 0
    THEN (SELECT json_group_array(json_array(h.key, h.value)) FROM json_each(payload, '$.headers') h) END))
FROM jobs WHERE (tenant, id) > (?1 ->> 0, ?1 ->> 1) ORDER BY tenant, id LIMIT ?3
