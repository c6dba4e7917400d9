-- Reads an index with its index versions. ?1 tenant, ?2 name.
SELECT
-- include: index.sql
FROM indexes i WHERE tenant = ?1 AND name = ?2
