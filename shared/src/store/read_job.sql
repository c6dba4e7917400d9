-- Reads one whole job. ?1 tenant, ?2 id.
SELECT json_patch(
-- include: job.sql
  , json_object('log', json(log), 'payload', payload))
FROM jobs WHERE tenant = ?1 AND id = ?2
