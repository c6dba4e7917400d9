-- Writes nothing, and fails where the database takes no writes: that the daily writes are spent is seen by one call.
UPDATE meta SET value = value WHERE name = 'probe'
