package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSchema(t *testing.T) {
	t.Run("the documentation shows it as it is", func(t *testing.T) {
		name := filepath.Join("..", "docs", "store-schema.md")
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join("schema", "*.sql"))
		require.NoError(t, err)
		shown := regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
		require.Len(t, shown, len(files))
		for i, file := range files {
			have, err := os.ReadFile(file)
			require.NoError(t, err)
			if os.Getenv("BANKMUX_WRITE") != "" {
				page = bytes.Replace(page, []byte(shown[i][1]), have, 1)
				require.NoError(t, os.WriteFile(name, page, 0o600))
				continue
			}
			assert.Equal(t, strings.Split(string(have), "\n"), strings.Split(shown[i][1], "\n"),
				"%s: BANKMUX_WRITE=1 go test -run Schema . writes it", file)
		}
	})
}
