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
