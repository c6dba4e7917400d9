-- Pauses calls to a provider; a longer pause of another invocation stays. ?1 the provider, ?2 duration in milliseconds.
INSERT INTO provider_pauses (provider, until) VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2)
ON CONFLICT (provider) DO UPDATE SET until = max(until, excluded.until)
RETURNING ''
