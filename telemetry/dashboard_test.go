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

// query is a query of the dashboard.
type query struct{ Expr, LegendFormat string }

var (
	nameOfMetric = regexp.MustCompile(`bankmux_\w+`)
	sample       = regexp.MustCompile(`(?m)^(\w+)\{(.*)\} `)
	labelOf      = regexp.MustCompile(`(\w+)="`)
	matcher      = regexp.MustCompile(`(\w+)(?:=~|!=|=)"`)
	grouping     = regexp.MustCompile(`by \(([^)]*)\)`)
	shownLabel   = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// metricOf returns the metric of a sample, which a histogram has three of.
func metricOf(name string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// usesLabels checks that the metrics of a query have the labels that it uses, and that its legend
// shows only labels that its result has.
func (q query) usesLabels(t *testing.T, has map[string]map[string]bool) {
	t.Helper()
	result, used := map[string]bool{}, []string{}
	for _, list := range grouping.FindAllStringSubmatch(q.Expr, -1) {
		for label := range strings.SplitSeq(list[1], ",") {
			used = append(used, strings.TrimSpace(label))
			result[strings.TrimSpace(label)] = true
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(q.Expr, -1) {
		used = append(used, m[1])
	}
	for _, name := range nameOfMetric.FindAllString(q.Expr, -1) {
		labels := has[metricOf(name)]
		for _, label := range used {
			assert.True(t, labels == nil || labels[label], "%s of %s", label, name)
		}
	}
	for _, m := range shownLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
		assert.True(t, result[m[1]], "%s in the legend of %s", m[1], q.Expr)
	}
}

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
	has := map[string]map[string]bool{}
	for _, m := range sample.FindAllStringSubmatch(string(scrape), -1) {
		name := metricOf(m[1])
		if has[name] == nil {
			has[name] = map[string]bool{}
		}
		for _, label := range labelOf.FindAllStringSubmatch(m[2], -1) {
			has[name][label[1]] = true
		}
	}
	raw, err := os.ReadFile(filepath.Join("..", "docs", "telemetry-dashboard.json"))
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Targets []query
		}
	}
	require.NoError(t, json.Unmarshal(raw, &board))
	page, err := os.ReadFile(filepath.Join("..", "docs", "telemetry.md"))
	require.NoError(t, err)
	labels := map[string]bool{
		"bankmux_client": true, "bankmux_operation": true, "bankmux_group": true,
		"bankmux_drift_kind": true, "bankmux_state": true,
	}
	shown, ids := map[string]bool{}, map[int]bool{}
	for _, p := range board.Panels {
		assert.False(t, ids[p.ID], "an id is used once")
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets)
		for _, target := range p.Targets {
			target.usesLabels(t, has)
			if strings.Contains(target.Expr, `error_type!=""`) && strings.Contains(target.Expr, " / ") {
				assert.Contains(t, target.Expr, " or 0 * ", "a client without failures has a share of 0")
			}
			for _, word := range nameOfMetric.FindAllString(target.Expr, -1) {
				if !labels[word] {
					word = metricOf(word)
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
