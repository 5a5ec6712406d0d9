-- An account that only the user can identify.
CREATE TABLE bankmux_unnamed (
  id            TEXT NOT NULL PRIMARY KEY,
  user_id       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  connection_id TEXT NOT NULL,
  provider_id   TEXT NOT NULL,
  account       TEXT NOT NULL, -- what the user said, empty before
  sealed        BYTEA NOT NULL, -- bankmux.Account, with the accounts that it may be
  UNIQUE (connection_id, provider_id)
);
CREATE INDEX bankmux_unnamed_user ON bankmux_unnamed (user_id);
