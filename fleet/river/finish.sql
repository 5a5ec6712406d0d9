WITH held AS (
  SELECT connection FROM bankmux_river_connections
    WHERE connection = $1 AND run = $2 AND running AND NOT nudged FOR UPDATE
), done AS (
  UPDATE river_job SET state = 'completed', finalized_at = now() FROM held
    WHERE id = $3 AND state = 'running' RETURNING id
), next AS (
  INSERT INTO river_job (args, kind, queue, priority, max_attempts, scheduled_at, state)
    SELECT CAST($4 AS JSONB), 'bankmux_sync', 'bankmux', 3, 32767, CAST($5 AS TIMESTAMPTZ), 'scheduled' FROM done
    RETURNING id
)
UPDATE bankmux_river_connections c SET job = next.id, running = FALSE, failures = 0, state = 'due', reason = $6,
  turn = '', kind = '', at = $5, ended_at = now() FROM next WHERE c.connection = $1
