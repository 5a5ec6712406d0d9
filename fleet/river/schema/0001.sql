-- The fencing numbers of all runs. A connection that was removed and linked again gets higher ones,
-- so a worker of its first life has none of them.
CREATE SEQUENCE IF NOT EXISTS bankmux_river_runs;
-- One row per connection: its plan, and the job of River that runs it next.
CREATE TABLE IF NOT EXISTS bankmux_river_connections (
  connection TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  user_id    TEXT COLLATE "C" NOT NULL,
  job        BIGINT, -- NULL if nothing runs by time
  run        BIGINT NOT NULL DEFAULT 0, -- the fencing number of the last run
  running    BOOLEAN NOT NULL DEFAULT FALSE, -- until the run has ended, or another one starts
  nudged     BOOLEAN NOT NULL DEFAULT FALSE, -- since the last run started
  forced     BOOLEAN NOT NULL DEFAULT FALSE, -- the last run started because of a nudge
  failures   INTEGER NOT NULL DEFAULT 0, -- runs that failed in a row
  state      TEXT NOT NULL, -- due, parked, blocked or dead
  reason     TEXT NOT NULL,
  turn       TEXT NOT NULL DEFAULT '',
  kind       TEXT NOT NULL DEFAULT '',
  at         TIMESTAMPTZ,
  ended_at   TIMESTAMPTZ -- of the last good run; before one, when it was nudged
);
CREATE INDEX IF NOT EXISTS bankmux_river_connections_at ON bankmux_river_connections (state, at);
