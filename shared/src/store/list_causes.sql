-- Lists a tenant's causes, the newest first. ?1 {"tenant","first_seen","id","counted","state","kind","endpoint"}: the position
-- after which, and filters, ?2 rows to read.
SELECT
-- include: cause.sql
FROM (SELECT * FROM causes INDEXED BY causes_by_time WHERE tenant = ?1 ->> 'tenant'
    AND (first_seen, id) < (?1 ->> 'first_seen', ?1 ->> 'id')
  ORDER BY first_seen DESC, id DESC LIMIT ?2) v
WHERE (?1 ->> 'kind' IS NULL OR v.kind = ?1 ->> 'kind')
  AND (?1 ->> 'endpoint' IS NULL OR v.endpoint = ?1 ->> 'endpoint')
ORDER BY v.first_seen DESC, v.id DESC
