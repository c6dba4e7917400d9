-- For how many ms a provider is still left alone, if it is. ?1 the provider.
SELECT json_array(until - CAST(unixepoch('subsec') * 1000 AS INTEGER)) FROM provider_pauses
WHERE provider = ?1 AND until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
