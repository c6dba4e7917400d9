-- Large payloads: the bulk of one is an object of its own, payloads/{id}/{tenant}.

-- Bytes of that object; NULL: all of the payload is inline. It stays until the row leaves.
ALTER TABLE jobs ADD COLUMN payload_bytes INTEGER CHECK (payload_bytes > 0);
