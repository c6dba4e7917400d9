-- The object with the vectors of a generation. ?1 the generation.
SELECT segment FROM generations WHERE id = ?1
