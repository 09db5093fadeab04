-- name: heard
-- Notes when sources were last heard; what is older than is known changes nothing.
INSERT INTO feed_sources (source, heard_at)
SELECT * FROM unnest(%(sources)s::text[], %(heard)s::timestamptz[])
ON CONFLICT (source) DO UPDATE SET heard_at = excluded.heard_at WHERE feed_sources.heard_at < excluded.heard_at

-- name: last_heard
-- When each source was last heard.
SELECT source, heard_at FROM feed_sources ORDER BY source
