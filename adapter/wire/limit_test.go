package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/wire"
)

// TestLimit specifies how many rows a response may have.
func TestLimit(t *testing.T) {
	t.Parallel()
	t.Run("a response has at most as many rows as its length allows", aResponseHasAtMostAsManyRowsAsItsLengthAllows)
	t.Run("a list with too many rows is refused while it is read", aListWithTooManyRowsIsRefusedWhileItIsRead)
}

func aResponseHasAtMostAsManyRowsAsItsLengthAllows(t *testing.T) {
	t.Parallel()
	// The shortest rows that a provider sends, with an object for each thing they name.
	const short = `{"amount":1,"date":"2026-01-01","type":"debit","description":"A",` +
		`"currency":{"code":"AED","name":"DIRHAM"},"beforeAmount":1,"afterAmount":2,"reference":"","brandDetails":{}}`
	const null = `{"transaction_id":"1","account_id":"1","amount":"1","type":"debit","currency":null,` +
		`"date":"2026-01-01","datetime":null,"description":null,"raw_description":null,"pending":false,"category":null,` +
		`"enrichment":{"category":{"value":null,"confidence":null},` +
		`"subcategory":{"value":null,"confidence":null},"merchant":{"id":null,"name":null,"logo":null,"confidence":null},` +
		`"processor":{"id":null,"name":null,"logo":null,"confidence":null},` +
		`"recurrence":{"frequency":null,"next_predicted_date":null}}}`
	list := func(row string, n int) string {
		return `{"rows":[` + strings.TrimSuffix(strings.Repeat(row+",", n), ",") + `]}`
	}
	for name, c := range map[string]struct {
		body    string
		crowded bool
	}{
		"forty thousand short rows":          {list(short, 40_000), false},
		"ten thousand rows of nulls":         {list(null, 10_000), false},
		"more rows than a response may have": {list(short, 70_000), true},
		"a few empty rows":                   {list(`{}`, 4000), false},
		"a hundred thousand empty rows":      {list(`{}`, 100_000), true},
		"a hundred thousand nulls":           {list(`null`, 100_000), true},
		"a hundred thousand empty texts":     {list(`""`, 100_000), true},
		"empty rows that a long text stands for": {
			`{"text":"` + strings.Repeat("x", 1<<20) + `",` + list(`{}`, 100_000)[1:], true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.crowded, wire.Crowded([]byte(c.body)))
		})
	}
}

func aListWithTooManyRowsIsRefusedWhileItIsRead(t *testing.T) {
	t.Parallel()
	for n, c := range map[int]struct {
		row     string
		crowded bool
	}{
		4000:             {`{"a":"1"}`, false},
		20_000:           {`{"a":"1"}`, true},
		wire.MaxRows:     {fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", 100)), false},
		wire.MaxRows + 1: {fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", 100)), true},
	} {
		rows := 0
		var in struct {
			Rows wire.Rows[row] `json:"rows"`
		}
		in.Rows.Each = func(int, *row) { rows++ }
		err := wire.Unmarshal([]byte(`{"rows":[`+strings.TrimSuffix(strings.Repeat(c.row+",", n), ",")+`]}`), &in)
		require.Equal(t, c.crowded, errors.Is(err, wire.ErrCrowded), "%d rows; %v", n, err)
		if c.crowded {
			assert.LessOrEqual(t, rows, wire.MaxRows, "it was read on")
			continue
		}
		assert.Equal(t, n, rows)
	}
}

// counted has a list, and so has limited, which says that only its rows can be many.
type counted struct {
	Rows wire.Rows[struct{}] `json:"rows"`
}

type limited struct{ counted }

func (*limited) Bounded() {}

// TestBounded specifies that a response that limits itself is not counted before it is read.
func TestBounded(t *testing.T) {
	t.Parallel()
	row := `{"x":1` + strings.Repeat(`,"x":1`, 40) + `}` // more values than a real row of its length has
	for i := range 41 {
		row = strings.Replace(row, `"x"`, fmt.Sprintf(`"%c%c"`, 'a'+i/26, 'a'+i%26), 1)
	}
	body := []byte(`{"rows":[` + row + strings.Repeat(","+row, 500) + `]}`)
	n := 0
	each := func(int, *struct{}) { n++ }
	few := limited{counted{wire.Rows[struct{}]{Each: each}}}
	require.NoError(t, wire.Decode(body, &few))
	assert.Equal(t, 501, n)
	many := counted{wire.Rows[struct{}]{Each: each}}
	require.ErrorContains(t, wire.Decode(body, &many), "more rows than a response may have")
	assert.Equal(t, 501, n, "it is refused before any row is read")
	short := []byte(`{"rows":[{}` + strings.Repeat(`,{}`, 5000) + `]}`)
	require.ErrorContains(t, wire.Decode(short, &few), "more rows than a response may have", "its rows are limited")
}
