-- Reads a page of a tenant's whole jobs, the newest first. ?1 tenant, ?2 list before this id, ?3 rows.
SELECT json_patch(
-- include: job.sql
  , json_object('log', json(log), 'payload', payload))
FROM jobs WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
