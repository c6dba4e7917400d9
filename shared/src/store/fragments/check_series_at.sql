-- When the sweep first deletes old snapshots of a new series: after a day, as `SNAPSHOT_CHECK_MS`.
CAST(unixepoch('subsec') * 1000 AS INTEGER) + 86400000
