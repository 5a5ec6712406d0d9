-- What processes share: a lease, a fact or a counter. Its name has no user and no secret.
CREATE TABLE bankmux_shared (
  id         TEXT NOT NULL PRIMARY KEY,
  board      TEXT NOT NULL, -- of a fact
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  content    BYTEA -- JSON; the values of leases and facts in it are encrypted
);
CREATE INDEX bankmux_shared_board ON bankmux_shared (board);
CREATE INDEX bankmux_shared_end ON bankmux_shared (expires_at);
