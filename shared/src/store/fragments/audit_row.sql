-- A row of `audit`.
json_object('tenant', tenant, 'id', id, 'at', at, 'key', key_id, 'operation', operation, 'kind', target_kind, 'target', target,
  'address', address, 'before', json(state_before), 'after', json(state_after))
