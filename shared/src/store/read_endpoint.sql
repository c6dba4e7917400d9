-- Reads one endpoint. ?1 tenant, ?2 id.
SELECT
-- include: endpoint.sql
FROM endpoints WHERE tenant = ?1 AND id = ?2 AND state <> 'deleted'
