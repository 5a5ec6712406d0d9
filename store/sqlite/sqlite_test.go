package sqlite_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/store"
	"github.com/bankmux/bankmux/store/sqlite"
)

// TestOpen specifies who may read the files of a store, whose texts are not sealed. It also
// specifies how they are backed up.
func TestOpen(t *testing.T) {
	key := bankmux.Key{ID: "k", Material: bankmux.NewSecret("an example key, 32 bytes long!!!")}
	keyring, err := bankmux.NewKeyring(key)
	require.NoError(t, err)
	open := func(t *testing.T, file string) *store.Store {
		t.Helper()
		s, err := sqlite.Open(t.Context(), file, keyring)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		require.NoError(t, s.Migrate(t.Context()))
		return s
	}
	permissions := func(t *testing.T, file string) os.FileMode {
		t.Helper()
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	t.Run("new files are for the user of the process alone", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "bank é?.db")
		open(t, file)
		for _, name := range []string{file, file + "-wal", file + "-shm"} {
			got := permissions(t, name)
			if runtime.GOOS != "windows" {
				assert.Equal(t, os.FileMode(0o600), got, name)
			}
		}
	})
	t.Run("a file that exists keeps its permissions", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "bank.db")
		require.NoError(t, os.WriteFile(file, nil, 0o640))
		require.NoError(t, os.Chmod(file, 0o640))
		before := permissions(t, file)
		open(t, file)
		assert.Equal(t, before, permissions(t, file))
	})
	t.Run("a backup by VACUUM INTO has what a copy of the file lacks", func(t *testing.T) {
		folder := t.TempDir()
		file, backup := filepath.Join(folder, "bank.db"), filepath.Join(folder, "backup.db")
		copied := filepath.Join(folder, "copied.db")
		s := open(t, file)
		require.NoError(t, s.Mark(t.Context(), "a delivery"))
		_, err := s.DB().ExecContext(t.Context(), "VACUUM INTO '"+backup+"'")
		require.NoError(t, err)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied, content, 0o600))
		for name, want := range map[string]bool{copied: false, backup: true} {
			seen, err := open(t, name).Seen(t.Context(), "a delivery")
			require.NoError(t, err)
			assert.Equal(t, want, seen, name)
		}
	})
}
