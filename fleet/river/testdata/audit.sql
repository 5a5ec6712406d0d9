-- Notes each committed state of a sync that was written by a process without the run, or that does
-- not follow the state before. A deferred trigger sees what is so at the commit.

CREATE TABLE storm_holders (connection TEXT PRIMARY KEY, process TEXT NOT NULL);
CREATE TABLE storm_findings (finding TEXT NOT NULL);
CREATE TABLE storm_writes (process TEXT NOT NULL);

CREATE FUNCTION storm_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.run > OLD.run THEN
		INSERT INTO storm_holders VALUES (NEW.connection, current_setting('application_name'))
			ON CONFLICT (connection) DO UPDATE SET process = EXCLUDED.process;
	ELSIF OLD.running AND NOT NEW.running THEN
		UPDATE storm_holders SET process = '' WHERE connection = NEW.connection
			AND process <> current_setting('application_name');
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER storm_hold AFTER UPDATE ON bankmux_river_connections
	FOR EACH ROW EXECUTE FUNCTION storm_hold();

CREATE FUNCTION storm_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	writer TEXT := current_setting('application_name');
	holder TEXT := (SELECT process FROM storm_holders WHERE connection = NEW.id);
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.version <> OLD.version + 1 THEN
		INSERT INTO storm_findings VALUES (format('%s: state %s follows %s', writer, NEW.version, OLD.version));
	END IF;
	IF writer LIKE 'process-%' AND writer IS DISTINCT FROM holder THEN
		INSERT INTO storm_findings VALUES (format('%s wrote state %s, the holder is %s', writer, NEW.version, holder));
	END IF;
	INSERT INTO storm_writes VALUES (writer);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER storm_write AFTER INSERT OR UPDATE ON bankmux_syncs
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION storm_write();
