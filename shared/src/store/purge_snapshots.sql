-- Deletes old snapshots of the series whose check is due: of the older minutes all but the last of each hour, of the older hours all
-- but the last of each day, and of still older ones all but the last, from which the first kept day is counted.
-- ?1 the maximum number of series, ?2 {"minutes","hours","days"}: minutes for which each kind is kept.
DELETE FROM snapshots WHERE (tenant, kind, endpoint, minute) IN (
  SELECT s.tenant, s.kind, s.endpoint, s.minute
  FROM (SELECT tenant, kind, endpoint FROM totals INDEXED BY totals_to_check
    WHERE check_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) ORDER BY check_at LIMIT ?1) i
  CROSS JOIN snapshots s ON s.tenant = i.tenant AND s.kind = i.kind AND s.endpoint = i.endpoint
    AND s.minute < CAST(unixepoch('subsec') / 60 AS INTEGER) - (?2 ->> 'minutes')
  WHERE EXISTS (SELECT 1 FROM snapshots v
    WHERE v.tenant = s.tenant AND v.kind = s.kind AND v.endpoint = s.endpoint AND v.minute > s.minute
      AND v.minute < CASE
        WHEN s.minute < CAST(unixepoch('subsec') / 60 AS INTEGER) - (?2 ->> 'days')
          THEN CAST(unixepoch('subsec') / 60 AS INTEGER) - (?2 ->> 'days')
        WHEN s.minute < CAST(unixepoch('subsec') / 60 AS INTEGER) - (?2 ->> 'hours') THEN (s.minute / 1440 + 1) * 1440
        ELSE (s.minute / 60 + 1) * 60 END))
RETURNING json_object('minute', minute)
