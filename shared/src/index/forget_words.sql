-- Deletes words rows. ?1 [seq, ...].
DELETE FROM words WHERE rowid IN (SELECT value FROM json_each(?1))
