-- Beginning of a statement that writes a row of `audit`. The tenant, the state before and the state after follow. ?1 is an
-- `AuditNote`: {"tenant","id","key","operation","kind","target","address","before","after"}.
INSERT INTO audit (id, at, key_id, operation, target_kind, target, address, tenant, state_before, state_after)
SELECT ?1 ->> 'id', CAST(unixepoch('subsec') * 1000 AS INTEGER), ?1 ->> 'key', ?1 ->> 'operation', ?1 ->> 'kind',
  ?1 ->> 'target', ?1 ->> 'address',
