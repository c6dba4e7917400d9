-- Adds up the jobs that all tenants had accepted: today, in the last 24 hours, and in the last ?2 whole hours. ?1 the maximum
-- number of pairs of tenant and hour, the newest first, and one more.
SELECT json_object('pairs', count(*),
  'today', coalesce(sum(i.accepted) FILTER (WHERE i.hour >= CAST(unixepoch('subsec') / 86400 AS INTEGER) * 24), 0),
  'day', coalesce(sum(i.accepted), 0),
  'recent', coalesce(sum(i.accepted) FILTER (WHERE i.hour < CAST(unixepoch('subsec') / 3600 AS INTEGER)
    AND i.hour >= CAST(unixepoch('subsec') / 3600 AS INTEGER) - ?2), 0))
FROM (SELECT h.hour, h.accepted FROM tenant_hours h
  WHERE h.hour > CAST(unixepoch('subsec') / 3600 AS INTEGER) - 24 ORDER BY h.hour DESC LIMIT ?1) i
