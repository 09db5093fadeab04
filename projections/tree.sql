-- name: schema
-- The Merkle tree of each log in tiles of 256 hashes: `tile` is level and index in one number, see `tile_key`.
CREATE TABLE tiles (
  log text NOT NULL,
  tile bigint NOT NULL,
  hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
  PRIMARY KEY (tile, log)
);
CREATE UNIQUE INDEX tiles_by_log ON tiles (log, tile);
-- Hashes cannot be compressed, so it is not tried.
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
GRANT SELECT, INSERT, UPDATE, DELETE ON tiles TO fairpool_service;

-- name: size
-- The last tile of a log's leaves, and how many it holds.
SELECT tile, octet_length(hashes) / 32 AS hashes FROM tiles
WHERE log = %(log)s AND tile < %(levels_begin)s
ORDER BY tile DESC LIMIT 1

-- name: node
-- One tile of a log.
SELECT log, tile, hashes FROM tiles WHERE log = %(log)s AND tile = %(tile)s
