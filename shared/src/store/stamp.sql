-- When something last ran. ?1 is its name.
INSERT INTO meta (name, value) VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER))
ON CONFLICT (name) DO UPDATE SET value = excluded.value
RETURNING json_object('value', value)
