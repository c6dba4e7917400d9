-- Reads how long calls to a provider are still paused, in milliseconds; no row if they are not. ?1 the provider.
SELECT json_array(until - CAST(unixepoch('subsec') * 1000 AS INTEGER)) FROM provider_pauses
WHERE provider = ?1 AND until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
