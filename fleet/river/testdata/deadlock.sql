-- A test makes triggers of this function. PostgreSQL then ends every second transaction that writes
-- to a table, as it ends one of those that wait for each other.
CREATE SEQUENCE deadlock_river_job;
CREATE SEQUENCE deadlock_bankmux_transactions;
CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('deadlock_' || TG_TABLE_NAME) % 2 = 1 THEN
    RAISE 'as in a deadlock' USING ERRCODE = '40P01';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER deadlock AFTER INSERT ON river_job
  FOR EACH ROW WHEN (NEW.kind = 'bankmux_sync') EXECUTE FUNCTION deadlock();
CREATE TRIGGER deadlock AFTER INSERT ON bankmux_transactions
  FOR EACH STATEMENT EXECUTE FUNCTION deadlock();
