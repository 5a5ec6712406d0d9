package e2e_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// timed has a zero value of each exported struct that has a time and may be written as JSON.
var timed = map[string][]any{
	"../..": {
		bankmux.AccountsResult{},
		bankmux.Balance{},
		bankmux.Challenge{},
		bankmux.Connection{},
		bankmux.ConnectionView{},
		bankmux.Consent{},
		bankmux.Event{},
		bankmux.Holding{},
		bankmux.HoldingsResult{},
		bankmux.InvestmentTransaction{},
		bankmux.InvestmentTransactionPage{},
		bankmux.ProductStatus{},
		bankmux.Session{},
		bankmux.Status{},
		bankmux.SyncState{},
		bankmux.Transaction{},
		bankmux.TransactionPage{},
	},
	"../../guard":              {guard.BreakerState{}, guard.FleetStats{}},
	"../../bankhttp":           {bankhttp.Account{}, bankhttp.Challenge{}, bankhttp.Unfinished{}},
	"../../providers/dapi":     {dapi.Operation{}},
	"../../providers/moneykit": {moneykit.Link{}},
	"../../virtualbank":        {virtualbank.DeliveryRecord{}, virtualbank.Request{}},
}

// inputs are structs with a time that only come in, so no program writes them as JSON.
var inputs = map[string]bool{
	"Contact": true, "Op": true, "Options": true, "Presence": true, "Attempt": true,
}

// TestZeroTime specifies that a time that is not known is absent in JSON.
func TestZeroTime(t *testing.T) {
	t.Parallel()
	for folder, values := range timed {
		listed := map[string]bool{}
		for _, value := range values {
			name := reflect.TypeOf(value).Name()
			listed[name] = true
			t.Run(filepath.Base(folder)+"."+name, func(t *testing.T) {
				t.Parallel()
				raw, err := json.Marshal(value)
				require.NoError(t, err)
				assert.NotContains(t, string(raw), "0001-01-01")
			})
		}
		for _, name := range structsWithTime(t, folder) {
			assert.True(t, listed[name] || inputs[name], "%s: %s has a time and is not in the list", folder, name)
		}
	}
}

// structsWithTime returns the exported structs of a folder that have an exported field of type
// time.Time.
func structsWithTime(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if ok && spec.Name.IsExported() && hasTime(fields) {
				names = append(names, spec.Name.Name)
			}
			return false
		})
	}
	return names
}

// hasTime reports whether a struct has an exported field of type time.Time.
func hasTime(fields *ast.StructType) bool {
	for _, field := range fields.Fields.List {
		kind, ok := field.Type.(*ast.SelectorExpr)
		if !ok || kind.Sel.Name != "Time" {
			continue
		}
		for _, name := range field.Names {
			if name.IsExported() {
				return true
			}
		}
	}
	return false
}
