package telemetry_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDashboard specifies that the dashboard and the page of the documentation have each metric,
// and no other.
func TestDashboard(t *testing.T) {
	scrape, err := os.ReadFile(filepath.Join("testdata", "scrape.txt"))
	require.NoError(t, err)
	exported := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+)`).FindAllStringSubmatch(string(scrape), -1) {
		exported[m[1]] = true
	}
	require.Len(t, exported, 11)
	raw, err := os.ReadFile(filepath.Join("..", "docs", "telemetry-dashboard.json"))
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &board))
	page, err := os.ReadFile(filepath.Join("..", "docs", "telemetry.md"))
	require.NoError(t, err)
	labels := map[string]bool{
		"bankmux_client": true, "bankmux_operation": true, "bankmux_group": true,
		"bankmux_drift_kind": true, "bankmux_state": true,
	}
	name, shown, ids := regexp.MustCompile(`bankmux_\w+`), map[string]bool{}, map[int]bool{}
	for _, p := range board.Panels {
		assert.False(t, ids[p.ID], "an id is used once")
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets)
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, `error_type!=""`) && strings.Contains(target.Expr, " / ") {
				assert.Contains(t, target.Expr, " or 0 * ", "a client without failures has a share of 0")
			}
			for _, word := range name.FindAllString(target.Expr, -1) {
				if !labels[word] {
					word = strings.TrimSuffix(strings.TrimSuffix(word, "_bucket"), "_count")
					assert.Contains(t, exported, word)
					shown[word] = true
				}
			}
		}
	}
	assert.Equal(t, exported, shown)
	for metric := range exported {
		assert.Contains(t, string(page), "`"+metric+"`")
	}
}
