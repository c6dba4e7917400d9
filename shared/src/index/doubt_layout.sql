-- Invalidates the layout of a document, so that it counts as not chunked. ?1 the index version, ?2 the document.
UPDATE layouts SET hash = '' WHERE index_version = ?1 AND document = ?2 RETURNING ''
