-- Records the causes of failed attempts: those that are new, and resolved ones that come back. Usually it writes nothing.
-- A tenant with ?3 causes gets the cause ?4 instead of a new one.
-- ?1 [{"tenant","job","attempt","id","kind","endpoint","host","class","status","text"}, ...], ?2 the lease token.
WITH failed AS MATERIALIZED (
  SELECT i.value ->> 'tenant' AS tenant, i.value ->> 'id' AS id, min(i.key) AS at
  FROM json_each(?1) i
  CROSS JOIN jobs j ON j.tenant = i.value ->> 'tenant' AND j.id = i.value ->> 'job'
  WHERE j.attempt = i.value ->> 'attempt' AND j.state = 'running' AND j.lease_token = ?2
    AND NOT EXISTS (SELECT 1 FROM causes c
      WHERE c.tenant = i.value ->> 'tenant' AND c.id = i.value ->> 'id' AND c.state <> 'resolved')
  GROUP BY 1, 2),
counted AS MATERIALIZED (
  SELECT t.tenant,
    (SELECT count(*) FROM (SELECT 1 FROM causes c WHERE c.tenant = t.tenant AND c.id > '' LIMIT ?3) i) AS causes
  FROM (SELECT DISTINCT i.tenant FROM failed i) t),
fresh AS MATERIALIZED (
  SELECT t.tenant, t.id, t.at,
    (SELECT v.causes FROM counted v WHERE +v.tenant = t.tenant) >= ?3
      AND NOT EXISTS (SELECT 1 FROM causes c WHERE c.tenant = t.tenant AND c.id = t.id) AS over
  FROM failed t)
INSERT INTO causes (tenant, id, kind, endpoint, host, class, status, text, first_seen, state, check_at)
SELECT v.tenant, CASE WHEN v.over THEN ?4 ELSE v.id END,
  CASE WHEN NOT v.over THEN i.value ->> 'kind' END, CASE WHEN NOT v.over THEN i.value ->> 'endpoint' END,
  CASE WHEN NOT v.over THEN i.value ->> 'host' END, CASE WHEN NOT v.over THEN i.value ->> 'class' END,
  CASE WHEN NOT v.over THEN i.value ->> 'status' END, CASE WHEN NOT v.over THEN i.value ->> 'text' ELSE '' END,
  CAST(unixepoch('subsec') * 1000 AS INTEGER), 'open', CAST(unixepoch('subsec') * 1000 AS INTEGER)
FROM fresh v CROSS JOIN json_each(?1) i ON i.key = v.at
WHERE true
ON CONFLICT (tenant, id) DO UPDATE SET state = 'open', came_back_at = excluded.first_seen WHERE causes.state = 'resolved'
RETURNING json_array(tenant, id)
