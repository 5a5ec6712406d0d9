package store_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSchema(t *testing.T) {
	t.Run("the documentation shows it as it is", func(t *testing.T) {
		page, err := os.ReadFile(filepath.Join("..", "docs", "store-schema.md"))
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join("schema", "*.sql"))
		require.NoError(t, err)
		shown := regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
		require.Len(t, shown, len(files))
		for i, file := range files {
			have, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(have), shown[i][1], file)
		}
	})
}
