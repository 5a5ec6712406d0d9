package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestYears(t *testing.T) {
	t.Parallel()
	t.Run("each year ends in agreement", eachYearEndsInAgreement)
	t.Run("a planted mistake ends in disagreement", aPlantedMistakeEndsInDisagreement)
	t.Run("crashes before every commit leave the same file", crashesLeaveTheSameFile)
}

// years is how many years are played. The nightly run sets BANKMUX_FULL and plays more of them.
var years = map[bool]int{false: 3, true: 10}[os.Getenv("BANKMUX_FULL") != ""]

func eachYearEndsInAgreement(t *testing.T) {
	t.Parallel()
	for seed := range years {
		t.Run(fmt.Sprint("seed ", seed+1), func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, command(t.Context(), []string{"-seed", fmt.Sprint(seed + 1)}, &out), &out)
			for _, said := range []string{
				"linked through moneykit: 5 new accounts, 0 known ones", "a crash before the commit",
				"the consent lapsed: reauth_required", "every transaction has another id",
				"linked through moneykit: 0 new accounts, 5 known ones", "the cursor was refused",
				"linked through plaid: 0 new accounts, 5 known ones",
				"linked through dapi: 0 new accounts, 5 known ones",
			} {
				assert.Contains(t, out.String(), said)
			}
			assert.Equal(t, 2, strings.Count(out.String(), "file and bank agree"),
				"after the move to Plaid, and at the end")
		})
	}
}

func aPlantedMistakeEndsInDisagreement(t *testing.T) {
	t.Parallel()
	for name, wrong := range mistakes {
		if wrong == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := command(t.Context(), []string{"-mistake", name, "-db", filepath.Join(t.TempDir(), "bank.db")}, &out)
			require.ErrorContains(t, err, "file and bank disagree", &out)
			assert.NotContains(t, out.String(), "agree:")
		})
	}
}

func crashesLeaveTheSameFile(t *testing.T) {
	t.Parallel()
	var files [2][]string
	for i, args := range [][]string{{"-seed", "2"}, {"-seed", "2", "-crashes"}} {
		file := filepath.Join(t.TempDir(), "bank.db")
		require.NoError(t, command(t.Context(), append(args, "-db", file), &bytes.Buffer{}))
		files[i] = dump(t, file)
	}
	assert.Greater(t, len(files[0]), 1000)
	assert.Equal(t, files[0], files[1], "row for row, with its id, its key and its note")
}

// dump returns the content of an application's file.
func dump(t *testing.T, file string) (all []string) {
	t.Helper()
	s, err := openStore(t.Context(), file)
	require.NoError(t, err)
	defer s.close()
	rows, err := s.db.QueryContext(t.Context(),
		"SELECT id, account, date, amount, text, note, key FROM entry ORDER BY id")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id, account, date, amount, text, note, key string
		require.NoError(t, rows.Scan(&id, &account, &date, &amount, &text, &note, &key))
		all = append(all, fmt.Sprintln(id, account, date, amount, text, note, key))
	}
	require.NoError(t, rows.Err())
	return all
}

func TestStore(t *testing.T) {
	t.Parallel()
	t.Run("a year does not start in the file of another", aYearNeedsItsOwnFile)
	t.Run("an overtaken sync stores nothing", anOvertakenSyncStoresNothing)
}

func aYearNeedsItsOwnFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bank.db")
	s, err := openStore(t.Context(), file)
	require.NoError(t, err)
	_, fresh, err := s.carry(t.Context(), "moneykit", []bankmux.Account{{ID: "a", Name: "Main"}})
	require.NoError(t, err)
	require.Equal(t, 1, fresh)
	s.close()
	require.ErrorContains(t, command(t.Context(), []string{"-db", file}, &bytes.Buffer{}), "another year")
}

func anOvertakenSyncStoresNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bank.db")
	var replicas [2]*store // two processes
	for i := range replicas {
		var err error
		replicas[i], err = openStore(t.Context(), file)
		require.NoError(t, err)
		defer replicas[i].close()
	}
	page := func(key, next string) bankmux.Delta {
		return bankmux.Delta{
			Added: []bankmux.Added{{Known: bankmux.Known{Key: key, Account: "1", Date: bankmux.NewDate(2026, 1, 2)}}},
			Next:  next,
		}
	}
	for round, next := range []string{"first", "second", "second", "third"} { // a cursor may stay the same
		from := [2]position{}
		for i, s := range replicas {
			var err error
			from[i], err = s.position(t.Context(), "conn")
			require.NoError(t, err)
			assert.Equal(t, round, from[i].stored)
		}
		outcomes := make(chan error, len(replicas))
		for i, s := range replicas {
			go func() { outcomes <- s.commit(t.Context(), "conn", from[i], page(fmt.Sprint(round, i), next), false) }()
		}
		var lost int
		for range replicas {
			if err := <-outcomes; err != nil {
				require.ErrorIs(t, err, errOvertaken)
				lost++
			}
		}
		assert.Equal(t, 1, lost, "one of the two")
		n, err := replicas[0].count(t.Context())
		require.NoError(t, err)
		assert.Equal(t, round+1, n, "the other stored nothing")
	}
	require.NoError(t, replicas[0].forget(t.Context(), "conn"))
	require.ErrorIs(t, replicas[1].commit(t.Context(), "conn", position{"third", 4}, page("late", "fourth"), false),
		errOvertaken)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	t.Run("an invalid value is rejected", anInvalidValueIsRejected)
}

func anInvalidValueIsRejected(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, command(t.Context(), []string{"-mistake", "none"}, &bytes.Buffer{}),
		"amount, new-id, twins")
}
