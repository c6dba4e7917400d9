-- Notes the time at which a task of the deployment last ran. ?1 its name.
INSERT INTO meta (name, value) VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER))
ON CONFLICT (name) DO UPDATE SET value = excluded.value
RETURNING json_object('value', value)
