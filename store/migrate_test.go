package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/store"
)

// schemaOf returns the files of the first versions.
func schemaOf(t *testing.T, versions int) (files []string) {
	t.Helper()
	for n := range versions {
		text, err := os.ReadFile(filepath.Join("schema", fmt.Sprintf("%04d.sql", n+1)))
		require.NoError(t, err)
		files = append(files, string(text))
	}
	return files
}

// tablesOf are the tables of a version.
func tablesOf(t *testing.T, version int) (names []string) {
	t.Helper()
	text := strings.Join(schemaOf(t, version), "\n")
	for _, found := range regexp.MustCompile(`CREATE TABLE (\w+)`).FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	require.GreaterOrEqual(t, len(names), 11+version)
	return names
}

// asVersion makes the tables of an earlier version, and copies their rows from another store.
func asVersion(t *testing.T, version int, s, source *store.Store) {
	t.Helper()
	exec := func(query string, args ...any) {
		_, err := s.DB().ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	exec("CREATE TABLE bankmux_schema (version BIGINT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL)")
	for n, text := range schemaOf(t, version) {
		if s.Dialect() == store.SQLite {
			text = strings.ReplaceAll(text, "BYTEA", "BLOB")
		}
		for statement := range strings.SplitSeq(text, ";\n") {
			if strings.TrimSpace(statement) != "" {
				exec(statement)
			}
		}
		exec("INSERT INTO bankmux_schema VALUES ($1, 0)", n+1)
	}
	for _, table := range tablesOf(t, version) {
		copyRows(t, table, source.DB(), func(values []any) {
			marks := make([]string, len(values))
			for i := range marks {
				marks[i] = "$" + strconv.Itoa(i+1)
			}
			exec("INSERT INTO "+table+" VALUES ("+strings.Join(marks, ", ")+")", values...)
		})
	}
}

// share stores something that processes share.
func share(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.Backend().Take(t.Context(), guard.Take{Key: "shared", N: 1, Limit: 1, Window: time.Hour})
	require.NoError(t, err)
}

// copyRows passes on each row of a table.
func copyRows(t *testing.T, table string, from *sql.DB, insert func(values []any)) {
	t.Helper()
	rows, err := from.QueryContext(t.Context(),
		"SELECT * FROM "+table) //nolint:unqueryvet // whatever columns there are
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
