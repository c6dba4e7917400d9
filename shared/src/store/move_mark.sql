-- The mark moves, whatever it passed: nothing pins it. ?1 as in mark.sql.
UPDATE meta SET value = ?1 ->> 'next' WHERE name = 'mark' AND value = ?1 ->> 'mark'
RETURNING json_object('mark', value)
