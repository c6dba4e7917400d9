-- Advances the watermark, regardless of the rows that it passed: no row can stop it. ?1 as in pass_watermark.sql.
UPDATE meta SET value = ?1 ->> 'next' WHERE name = 'watermark' AND value = ?1 ->> 'watermark'
RETURNING json_object('watermark', value)
