-- Reads running actions, the one whose last step is the oldest first. In a store of another epoch it reads none. ?1 the maximum
-- number of rows, ?2 the epoch of the deployment.
SELECT
-- include: action.sql
FROM actions INDEXED BY actions_by_turn
WHERE state = 'running' AND ?2 = coalesce((SELECT value FROM meta WHERE name = 'epoch'), 0)
ORDER BY turn_at LIMIT ?1
