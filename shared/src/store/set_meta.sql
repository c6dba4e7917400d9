-- Sets one named number, and writes only if it changes. ?1 name, ?2 value.
INSERT INTO meta (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value <> excluded.value
RETURNING json_object('value', value)
