-- A transaction that perhaps replaces another one. It goes when one of the two does.
CREATE TABLE bankmux_suggestions (
  id         TEXT NOT NULL, -- of the new transaction
  was        TEXT NOT NULL, -- the id of the one that it perhaps replaces
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  account    TEXT NOT NULL,
  PRIMARY KEY (id, was)
);
CREATE INDEX bankmux_suggestions_was ON bankmux_suggestions (was);
CREATE INDEX bankmux_suggestions_account ON bankmux_suggestions (account);
CREATE INDEX bankmux_suggestions_user ON bankmux_suggestions (user_id);

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
