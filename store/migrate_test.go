package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/store"
)

// firstSchema returns the file of the first version.
func firstSchema(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("schema", "0001.sql"))
	require.NoError(t, err)
	return string(text)
}

// firstTables are the tables of the first version.
func firstTables(t *testing.T) (names []string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`CREATE TABLE (\w+)`).FindAllStringSubmatch(firstSchema(t), -1) {
		names = append(names, found[1])
	}
	require.Len(t, names, 12)
	return names
}

// asFirstVersion makes the tables of the first version, and copies their rows from another store.
func asFirstVersion(t *testing.T, s, source *store.Store) {
	t.Helper()
	exec := func(query string, args ...any) {
		_, err := s.DB().ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	text := firstSchema(t)
	if s.Dialect() == store.SQLite {
		text = strings.ReplaceAll(text, "BYTEA", "BLOB")
	}
	exec("CREATE TABLE bankmux_schema (version BIGINT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL)")
	exec("INSERT INTO bankmux_schema VALUES (1, 0)")
	for statement := range strings.SplitSeq(text, ";\n") {
		exec(statement)
	}
	for _, table := range firstTables(t) {
		copyRows(t, table, source.DB(), func(values []any) {
			marks := make([]string, len(values))
			for i := range marks {
				marks[i] = "$" + strconv.Itoa(i+1)
			}
			exec("INSERT INTO "+table+" VALUES ("+strings.Join(marks, ", ")+")", values...)
		})
	}
}

// copyRows passes on each row of a table.
func copyRows(t *testing.T, table string, from *sql.DB, insert func(values []any)) {
	t.Helper()
	rows, err := from.QueryContext(t.Context(), "SELECT * FROM "+table) //nolint:unqueryvet // whatever columns there are
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		insert(values)
	}
	require.NoError(t, rows.Err())
}

// dumpOf returns every row of some tables as text.
func dumpOf(t *testing.T, s *store.Store, tables []string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables {
		all[table] = dumpTable(t, s.DB(), table)
		require.NotEmpty(t, all[table], table)
	}
	return all
}
