-- Reserves numbers for new chunks: the last ?1 numbers up to the new counter. ?1 how many.
UPDATE counter SET seq = seq + ?1 RETURNING ''
