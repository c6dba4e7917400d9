-- Numbers for new chunks: those up to the counter, which nobody else gets. ?1 how many.
UPDATE counter SET seq = seq + ?1 RETURNING ''
