-- Columns of an index row `i` with the index versions that it names, as a JSON object.
json_object('tenant', tenant, 'name', name, 'id', id, 'serving', serving, 'building', building,
  'created_at', created_at,
  'index_versions', json((SELECT json_group_array(json_object('id', g.id, 'provider', provider, 'model', model,
      'dimensions', dimensions, 'chunk_chars', chunk_chars, 'overlap_chars', overlap_chars, 'chunker', chunker,
      'segment', segment, 'segment_seq', segment_seq, 'chunks', chunks, 'dead', dead, 'created_at', g.created_at))
    FROM index_versions g WHERE g.id IN (i.serving, i.building))))
