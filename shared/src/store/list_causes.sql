-- Lists a tenant's causes, the newest first. ?1 {"tenant","first_seen","id","counted"}: the position after which, ?2 rows.
SELECT
-- include: cause.sql
FROM (SELECT * FROM causes INDEXED BY causes_by_time WHERE tenant = ?1 ->> 'tenant'
    AND (first_seen, id) < (?1 ->> 'first_seen', ?1 ->> 'id')
  ORDER BY first_seen DESC, id DESC LIMIT ?2) v
ORDER BY v.first_seen DESC, v.id DESC
