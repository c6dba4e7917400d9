-- Actions that ended long ago, the oldest first. ?1 their retention in ms, ?2 the maximum number of actions.
FROM actions INDEXED BY actions_ended
WHERE ended_at IS NOT NULL AND ended_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY ended_at LIMIT ?2
