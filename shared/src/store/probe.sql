-- Writes nothing, and fails if the database accepts no writes. So one call detects that the daily writes are spent.
UPDATE meta SET value = value WHERE name = 'probe'
