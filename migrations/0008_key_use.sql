-- When a key was last used, so that nobody has to guess which ones may go.

-- Written once an hour at most, in ms since 1970 by the database's clock.
ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER;
