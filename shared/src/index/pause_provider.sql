-- A provider is left alone for a while, and no shorter than others were told. ?1 the provider, ?2 for how many ms.
INSERT INTO provider_pauses (provider, until) VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2)
ON CONFLICT (provider) DO UPDATE SET until = max(until, excluded.until)
RETURNING ''
