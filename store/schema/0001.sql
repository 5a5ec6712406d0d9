-- Times are milliseconds since 1970. On SQLite, BYTEA is BLOB.

-- A session of the linking flow, sealed for its user. It is deleted some time after its end.
CREATE TABLE bankmux_sessions (
  id         TEXT NOT NULL PRIMARY KEY,
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  sealed     BYTEA NOT NULL
);
CREATE INDEX bankmux_sessions_user ON bankmux_sessions (user_id);
CREATE INDEX bankmux_sessions_end ON bankmux_sessions (expires_at);

-- One exchange of one payload. The holder runs it until held_until.
CREATE TABLE bankmux_exchanges (
  id         TEXT NOT NULL PRIMARY KEY, -- the session and a digest of the payload
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  state      TEXT NOT NULL, -- running, done or failed, or one of those in doubt
  attempt    BIGINT NOT NULL,
  holder     TEXT NOT NULL,
  held_until BIGINT NOT NULL,
  sealed     BYTEA -- the result or the error
);
CREATE INDEX bankmux_exchanges_user ON bankmux_exchanges (user_id);
CREATE INDEX bankmux_exchanges_end ON bankmux_exchanges (expires_at);

-- A connection, sealed with its credential. The holder changes it until held_until.
CREATE TABLE bankmux_connections (
  id            TEXT NOT NULL PRIMARY KEY,
  user_id       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  provider      TEXT NOT NULL,
  environment   TEXT NOT NULL,
  client        TEXT NOT NULL,
  reference_key TEXT NOT NULL,
  bank          TEXT NOT NULL, -- provider and id of the institution
  bank_name     TEXT NOT NULL,
  state         TEXT NOT NULL,
  due_at        BIGINT NOT NULL, -- when a worker syncs it next, or until when one does so
  holder        TEXT NOT NULL,
  held_until    BIGINT NOT NULL,
  sealed        BYTEA NOT NULL
);
CREATE INDEX bankmux_connections_due ON bankmux_connections (due_at, id);
CREATE INDEX bankmux_connections_user ON bankmux_connections (user_id);
CREATE INDEX bankmux_connections_reference ON bankmux_connections (client, reference_key);

-- An open question of a bank to the user.
CREATE TABLE bankmux_challenges (
  id            TEXT NOT NULL PRIMARY KEY,
  user_id       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  connection_id TEXT NOT NULL,
  sealed        BYTEA NOT NULL
);
CREATE INDEX bankmux_challenges_user ON bankmux_challenges (user_id);
CREATE INDEX bankmux_challenges_connection ON bankmux_challenges (connection_id);
CREATE INDEX bankmux_challenges_end ON bankmux_challenges (expires_at);

-- A webhook delivery that was handled. The key names a delivery and no user.
CREATE TABLE bankmux_seen (
  id         TEXT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX bankmux_seen_end ON bankmux_seen (expires_at);

-- An event that a webhook announced. Its user is that of the connection or session that it names.
CREATE TABLE bankmux_events (
  id            TEXT NOT NULL PRIMARY KEY, -- a digest of client and key
  created_at    BIGINT NOT NULL,
  client        TEXT NOT NULL,
  reference_key TEXT NOT NULL,
  session_id    TEXT NOT NULL,
  event         TEXT NOT NULL, -- JSON, which has no secret
  bytes         BIGINT NOT NULL,
  attempt       BIGINT NOT NULL,
  holder        TEXT NOT NULL,
  held_until    BIGINT NOT NULL,
  sealed        BYTEA -- the payload of an exchange
);
CREATE INDEX bankmux_events_reference ON bankmux_events (client, reference_key);
CREATE INDEX bankmux_events_order ON bankmux_events (created_at, id);

-- An account under the application's own name, which survives a new link.
CREATE TABLE bankmux_accounts (
  id            TEXT NOT NULL PRIMARY KEY,
  user_id       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  connection_id TEXT NOT NULL, -- the last one that listed it
  bank          TEXT NOT NULL,
  bank_name     TEXT NOT NULL,
  due           TEXT NOT NULL, -- the day of the balance that is due
  read_at       BIGINT NOT NULL, -- when balances were stored last
  sealed        BYTEA NOT NULL
);
CREATE INDEX bankmux_accounts_user ON bankmux_accounts (user_id);

-- The ids that an account has at providers, by connection.
CREATE TABLE bankmux_account_ids (
  connection_id TEXT NOT NULL,
  provider_id   TEXT NOT NULL,
  user_id       TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  account       TEXT NOT NULL,
  PRIMARY KEY (connection_id, provider_id)
);
CREATE INDEX bankmux_account_ids_account ON bankmux_account_ids (account);
CREATE INDEX bankmux_account_ids_user ON bankmux_account_ids (user_id);

-- The last balance of a kind that was read on a day.
CREATE TABLE bankmux_balances (
  account    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  currency   TEXT NOT NULL,
  day        TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  as_of      BIGINT NOT NULL, -- when the amount was true, 0 if the provider does not say
  amount     TEXT NOT NULL,
  PRIMARY KEY (account, kind, currency, day)
);
CREATE INDEX bankmux_balances_user ON bankmux_balances (user_id);

-- A transaction. Its id and note stay when the bank changes it.
CREATE TABLE bankmux_transactions (
  id         TEXT NOT NULL PRIMARY KEY,
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  account    TEXT NOT NULL,
  key        TEXT NOT NULL, -- bankmux.Known.Key
  day        TEXT NOT NULL,
  amount     TEXT NOT NULL,
  currency   TEXT NOT NULL,
  status     TEXT NOT NULL,
  search     TEXT NOT NULL, -- its texts in lower case
  note       TEXT NOT NULL, -- the user's
  known      TEXT NOT NULL, -- bankmux.Known as JSON
  sealed     BYTEA NOT NULL, -- bankmux.Transaction
  UNIQUE (account, key)
);
CREATE INDEX bankmux_transactions_day ON bankmux_transactions (account, day);
CREATE INDEX bankmux_transactions_page ON bankmux_transactions (user_id, day, id);

-- A note whose transaction the bank removed.
CREATE TABLE bankmux_removed (
  id         TEXT NOT NULL PRIMARY KEY, -- of the transaction
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  account    TEXT NOT NULL,
  key        TEXT NOT NULL,
  note       TEXT NOT NULL,
  reason     TEXT NOT NULL
);
CREATE INDEX bankmux_removed_user ON bankmux_removed (user_id);

-- How far the syncs of a connection are.
CREATE TABLE bankmux_syncs (
  id         TEXT NOT NULL PRIMARY KEY, -- of the connection
  user_id    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  version    BIGINT NOT NULL, -- how often it was stored
  not_before BIGINT NOT NULL,
  synced_at  BIGINT NOT NULL,
  sealed     BYTEA NOT NULL -- bankmux.SyncState
);
CREATE INDEX bankmux_syncs_user ON bankmux_syncs (user_id);
