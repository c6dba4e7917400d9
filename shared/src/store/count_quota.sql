-- The jobs of an accept are counted against the quotas of its key and its tenant, between two counts as groups are: ?1 is its
-- list of new jobs, ?3 is -1 before it and 1 after it. Who has no quota costs nothing, and a repeat counts nothing.
UPDATE quotas SET day = CAST(unixepoch('subsec') / 86400 AS INTEGER),
  jobs = max(0, CASE day WHEN CAST(unixepoch('subsec') / 86400 AS INTEGER) THEN quotas.jobs ELSE 0 END + ?3 * m.made)
FROM (SELECT caller.tenant AS tenant, (SELECT count(*) FROM json_each(?1) i
    CROSS JOIN jobs j ON j.tenant = caller.tenant AND j.id = i.value ->> 'id') AS made FROM caller) AS m
WHERE m.made > 0 AND quotas.jobs_per_day IS NOT NULL
  AND (quotas.key_id = ?2 ->> 'key' OR (quotas.key_id = '' AND quotas.tenant = m.tenant))
RETURNING json_object('jobs', jobs)
