-- Times are milliseconds since 1970, of the server's clock. Each row has an end, after which it
-- does not count and is deleted some time.

-- The only clock of all tables and functions.
CREATE FUNCTION bankmux_fleet_now() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- Fencing numbers, and the order of those who wait.
CREATE SEQUENCE bankmux_fleet_numbers;

-- A lease that is held, and the fact that its last holder left. A free key without a fact has no
-- row.
CREATE TABLE bankmux_fleet_leases (
  namespace  TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  holder     TEXT COLLATE "C" NOT NULL, -- '' if free
  fence      BIGINT NOT NULL,
  held_until BIGINT NOT NULL, -- 0 if free
  fact       BYTEA, -- sealed
  fact_until BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (namespace, key)
);
CREATE INDEX bankmux_fleet_leases_end ON bankmux_fleet_leases (expires_at);

-- Those who wait for a lease.
CREATE TABLE bankmux_fleet_places (
  namespace  TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  holder     TEXT COLLATE "C" NOT NULL,
  place      BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (namespace, key, holder)
);
CREATE INDEX bankmux_fleet_places_end ON bankmux_fleet_places (expires_at);

-- What one process lets all others know.
CREATE TABLE bankmux_fleet_facts (
  namespace  TEXT COLLATE "C" NOT NULL,
  name       TEXT COLLATE "C" NOT NULL,
  value      BYTEA NOT NULL, -- sealed
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (namespace, name)
);
CREATE INDEX bankmux_fleet_facts_end ON bankmux_fleet_facts (expires_at);

-- What was taken of a budget in its present window.
CREATE TABLE bankmux_fleet_counts (
  namespace  TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  win        BIGINT NOT NULL, -- number of the window
  used       BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (namespace, key)
);
CREATE INDEX bankmux_fleet_counts_end ON bankmux_fleet_counts (expires_at);

-- Webhook deliveries that were handled.
CREATE TABLE bankmux_fleet_seen (
  namespace  TEXT COLLATE "C" NOT NULL,
  key        TEXT COLLATE "C" NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (namespace, key)
);
CREATE INDEX bankmux_fleet_seen_end ON bankmux_fleet_seen (expires_at);

-- Deletes rows that have ended: in one of a hundred calls, up to 500 of each table. It leaves out
-- rows that others have locked. The other functions call it last, so a call that has locked rows of
-- other keys never waits. Before that, a call locks the rows of its own key alone: first the lease,
-- then a place. So no two calls wait for each other.
CREATE FUNCTION bankmux_fleet_clean(t BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
  IF random() >= 0.01 THEN
    RETURN;
  END IF;
  DELETE FROM bankmux_fleet_leases WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bankmux_fleet_leases WHERE expires_at <= t LIMIT 500 FOR UPDATE SKIP LOCKED));
  DELETE FROM bankmux_fleet_places WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bankmux_fleet_places WHERE expires_at <= t LIMIT 500 FOR UPDATE SKIP LOCKED));
  DELETE FROM bankmux_fleet_facts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bankmux_fleet_facts WHERE expires_at <= t LIMIT 500 FOR UPDATE SKIP LOCKED));
  DELETE FROM bankmux_fleet_counts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bankmux_fleet_counts WHERE expires_at <= t LIMIT 500 FOR UPDATE SKIP LOCKED));
  DELETE FROM bankmux_fleet_seen WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bankmux_fleet_seen WHERE expires_at <= t LIMIT 500 FOR UPDATE SKIP LOCKED));
END
$$;

-- Takes the lease of a key, or a place in its queue.
CREATE FUNCTION bankmux_fleet_acquire(ns TEXT, k TEXT, who TEXT, ttl BIGINT, place_ttl BIGINT,
  OUT got_fence BIGINT, OUT got_fact BYTEA, OUT got_ttl BIGINT) LANGUAGE plpgsql AS $$
DECLARE
  l     bankmux_fleet_leases%ROWTYPE;
  t     BIGINT;
  front TEXT;
BEGIN
  got_fence := 0;
  got_ttl := 0;
  LOOP -- the row's lock puts the calls for a key in order
    SELECT * INTO l FROM bankmux_fleet_leases x WHERE x.namespace = ns AND x.key = k FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO bankmux_fleet_leases VALUES (ns, k, '', 0, 0, NULL, 0, bankmux_fleet_now() + 60000)
      ON CONFLICT DO NOTHING;
  END LOOP;
  t := bankmux_fleet_now();
  IF l.fact IS NOT NULL AND l.fact_until > t THEN
    got_fact := l.fact;
    got_ttl := l.fact_until - t;
  END IF;
  IF l.held_until > t AND l.holder = who THEN
    got_fence := l.fence;
    UPDATE bankmux_fleet_leases x SET held_until = t + ttl, expires_at = greatest(t + ttl, l.fact_until)
      WHERE x.namespace = ns AND x.key = k;
    RETURN;
  END IF;
  IF l.held_until <= t THEN
    SELECT p.holder INTO front FROM bankmux_fleet_places p
      WHERE p.namespace = ns AND p.key = k AND p.expires_at > t ORDER BY p.place LIMIT 1;
    IF front IS NULL OR front = who THEN
      IF front = who THEN
        DELETE FROM bankmux_fleet_places p WHERE p.namespace = ns AND p.key = k AND p.holder = who;
      END IF;
      got_fence := nextval('bankmux_fleet_numbers');
      UPDATE bankmux_fleet_leases x
        SET holder = who, fence = got_fence, held_until = t + ttl, expires_at = greatest(t + ttl, l.fact_until)
        WHERE x.namespace = ns AND x.key = k;
      RETURN;
    END IF;
  END IF;
  UPDATE bankmux_fleet_places p SET expires_at = t + place_ttl
    WHERE p.namespace = ns AND p.key = k AND p.holder = who AND p.expires_at > t;
  IF NOT FOUND THEN
    INSERT INTO bankmux_fleet_places AS p
      VALUES (ns, k, who, nextval('bankmux_fleet_numbers'), t + place_ttl)
      ON CONFLICT (namespace, key, holder) DO UPDATE SET place = EXCLUDED.place, expires_at = EXCLUDED.expires_at;
  END IF;
END
$$;

-- Gives up a lease, and without a fence also a place. A new_ttl below 0 keeps the fact, and 0
-- removes it.
CREATE FUNCTION bankmux_fleet_release(ns TEXT, k TEXT, who TEXT, f BIGINT, new_fact BYTEA, new_ttl BIGINT)
RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE
  l    bankmux_fleet_leases%ROWTYPE;
  t    BIGINT;
  gone BOOLEAN := FALSE;
BEGIN
  SELECT * INTO l FROM bankmux_fleet_leases x WHERE x.namespace = ns AND x.key = k FOR UPDATE;
  t := bankmux_fleet_now();
  IF f = 0 THEN
    DELETE FROM bankmux_fleet_places p WHERE p.namespace = ns AND p.key = k AND p.holder = who;
    gone := FOUND;
  END IF;
  IF l.holder = who AND l.held_until > t AND (f = 0 OR l.fence = f) THEN
    gone := TRUE;
    IF f <> 0 AND new_ttl >= 0 THEN
      l.fact := new_fact;
      l.fact_until := CASE WHEN new_fact IS NULL THEN 0 ELSE t + new_ttl END;
    END IF;
    IF l.fact IS NULL OR l.fact_until <= t THEN
      DELETE FROM bankmux_fleet_leases x WHERE x.namespace = ns AND x.key = k;
    ELSE
      UPDATE bankmux_fleet_leases x
        SET holder = '', held_until = 0, fact = l.fact, fact_until = l.fact_until, expires_at = l.fact_until
        WHERE x.namespace = ns AND x.key = k;
    END IF;
  END IF;
  PERFORM bankmux_fleet_clean(t);
  RETURN gone;
END
$$;

-- Stores a fact.
CREATE FUNCTION bankmux_fleet_put(ns TEXT, n TEXT, v BYTEA, ttl BIGINT)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  t BIGINT := bankmux_fleet_now();
BEGIN
  INSERT INTO bankmux_fleet_facts VALUES (ns, n, v, t + ttl)
    ON CONFLICT (namespace, name) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at;
  PERFORM bankmux_fleet_clean(t);
END
$$;

-- Takes a part of a budget.
CREATE FUNCTION bankmux_fleet_take(ns TEXT, k TEXT, n BIGINT, lim BIGINT, len BIGINT, off BIGINT,
  OUT granted BIGINT, OUT ends BIGINT) LANGUAGE plpgsql AS $$
DECLARE
  c     bankmux_fleet_counts%ROWTYPE;
  t     BIGINT;
  since BIGINT;
  w     BIGINT;
BEGIN
  LOOP
    SELECT * INTO c FROM bankmux_fleet_counts x WHERE x.namespace = ns AND x.key = k FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO bankmux_fleet_counts VALUES (ns, k, 0, 0, bankmux_fleet_now() + 60000) ON CONFLICT DO NOTHING;
  END LOOP;
  t := bankmux_fleet_now();
  since := t - off;
  ends := len - ((since % len) + len) % len;
  w := (since + ends) / len;
  IF c.win = w + 1 THEN -- the clock was put back
    w := c.win;
    ends := ends + len;
  ELSIF c.win <> w THEN
    c.used := 0;
  END IF;
  granted := least(n, greatest(lim - c.used, 0));
  -- It stays for another window, in case the clock is put back.
  UPDATE bankmux_fleet_counts x SET win = w, used = c.used + granted, expires_at = t + ends + len
    WHERE x.namespace = ns AND x.key = k;
  PERFORM bankmux_fleet_clean(t); -- not before: it would delete the row of an earlier window
END
$$;

-- Remembers a delivery.
CREATE FUNCTION bankmux_fleet_mark(ns TEXT, k TEXT, ttl BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  t BIGINT := bankmux_fleet_now();
BEGIN
  INSERT INTO bankmux_fleet_seen VALUES (ns, k, t + ttl)
    ON CONFLICT (namespace, key) DO UPDATE SET expires_at = EXCLUDED.expires_at;
  PERFORM bankmux_fleet_clean(t);
END
$$;
