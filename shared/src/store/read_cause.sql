-- Reads one cause. ?1 {"tenant","id","counted"}.
SELECT
-- include: cause.sql
FROM causes v WHERE v.tenant = ?1 ->> 'tenant' AND v.id = ?1 ->> 'id'
