-- A document counts as not cut, until it is cut again. ?1 the index version, ?2 the document.
UPDATE layouts SET hash = '' WHERE index_version = ?1 AND document = ?2 RETURNING ''
