-- Lists one page of the audit log of a tenant, the newest first. ?1 {"tenant","before_id","from_id"} and the filters, ?2 the rows
-- to read, ?3 the rows to return.
SELECT
json_object('tenant', tenant, 'id', id, 'at', at, 'key', key_id, 'operation', operation, 'kind', target_kind, 'target', target,
  'address', address, 'before', json(state_before), 'after', json(state_after))
FROM (SELECT * FROM audit WHERE tenant = ?1 ->> 'tenant' AND id < ?1 ->> 'before_id' AND id >= ?1 ->> 'from_id'
  ORDER BY id DESC LIMIT ?2)
WHERE (?1 ->> 'key' IS NULL OR key_id = ?1 ->> 'key')
  AND (?1 ->> 'operation' IS NULL OR operation = ?1 ->> 'operation')
  AND (?1 ->> 'target' IS NULL OR target = ?1 ->> 'target')
  AND (?1 ->> 'after' IS NULL OR at >= ?1 ->> 'after')
  AND (?1 ->> 'before' IS NULL OR at < ?1 ->> 'before')
ORDER BY id DESC LIMIT ?3
