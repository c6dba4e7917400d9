-- Adds jobs that end without a settlement to the totals of their series, and attempts that ended with a crash. It runs before and
-- after the statement that ends them, so a job that ends in between counts once and a repeat counts nothing.
-- ?1 [[tenant, id], ...], ?2 -1 before and 1 after.
INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
SELECT t.tenant, t.kind, t.endpoint, CAST(unixepoch('subsec') / 60 AS INTEGER),
  json_object('dead', t.sign * t.dead, 'cancelled', t.sign * t.cancelled, 'class:crash', t.sign * t.crashed),
-- include: check_series_at.sql
FROM (SELECT j.tenant, j.kind, j.endpoint, CAST(?2 AS INTEGER) AS sign, sum(j.state = 'dead') AS dead, sum(j.state = 'cancelled') AS cancelled,
    sum(j.state <> 'running' AND coalesce(j.error ->> 'class', '') = 'crash') AS crashed
  FROM json_each(?1) i CROSS JOIN jobs j ON j.tenant = i.value ->> 0 AND j.id = i.value ->> 1
  GROUP BY 1, 2, 3) t
WHERE t.dead > 0 OR t.cancelled > 0 OR t.crashed > 0
-- include: add_counts.sql
