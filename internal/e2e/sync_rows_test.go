package e2e_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestSyncOfDapiRows specifies what identifies a row of Dapi, which has no id.
func TestSyncOfDapiRows(t *testing.T) {
	t.Parallel()
	t.Run("an undated row is in doubt with its amount and text", anUndatedRowIsInDoubtWithItsAmountAndText)
	t.Run("one more row never inverts the sign of a known row", oneMoreRowNeverInvertsTheSignOfAKnownRow)
}

func anUndatedRowIsInDoubtWithItsAmountAndText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row     string
		doubled bool
	}{
		"another amount is another row":        {`{"amount":99,"date":"1448-05-13","type":"debit","description":"KIOSK","currency":{"code":"USD"}}`, false},
		"another currency is another row":      {`{"amount":8,"date":"1448-05-13","type":"debit","description":"KIOSK","currency":{"code":"AED"}}`, false},
		"another direction is another row":     {`{"amount":8,"date":"1448-05-13","type":"credit","description":"KIOSK","currency":{"code":"USD"}}`, false},
		"another text is another row":          {`{"amount":8,"date":"1448-05-13","type":"debit","description":"BOOKS","currency":{"code":"USD"}}`, false},
		"equal values may be the row":          {`{"amount":8,"date":"1448-05-13","type":"debit","description":"KIOSK","currency":{"code":"USD"}}`, true},
		"an amount that cannot be read may be": {`{"amount":"NA","date":"1448-05-13","type":"debit","description":"KIOSK","currency":{"code":"USD"}}`, true},
		"an amount without a currency may be":  {`{"amount":99,"date":"1448-05-13","type":"debit","description":"KIOSK"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, round := openRows(t)
				first := dpRow(10, "1", "FIRST")
				round(first, dpRow(5, "8", "KIOSK"), c.row)
				require.Len(t, s.Rows, 2)
				for range 4 {
					d := round(first, dpRow(4, "8", "KIOSK"), c.row)
					require.Len(t, d.Failed, 1)
				}
				assert.Len(t, s.Rows, map[bool]int{true: 3, false: 2}[c.doubled])
			})
		})
	}
}

func oneMoreRowNeverInvertsTheSignOfAKnownRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, round := openRows(t)
		row := func(i int, amount string, before, after int) string {
			return fmt.Sprintf(
				`{"amount":%s,"date":%q,"type":"debit","description":"ROW %d","beforeAmount":%d,"afterAmount":%d,`+
					`"currency":{"code":"USD"}}`,
				amount,
				bankmux.DateOf(time.Now().UTC()).AddDays(-3).String(),
				i,
				before,
				after,
			)
		}
		var rows []string
		for i := range 7 {
			rows = append(rows, row(i, "-10", i*10, i*10+10))
			d := round(rows...)
			assert.Len(t, d.Added, 1)
			assert.Empty(t, d.Missing)
			assert.Empty(t, d.Removed)
		}
		d := round(append(rows, row(7, "10", 80, 70))...)
		assert.Len(t, d.Added, 1, "an ordinary purchase")
		assert.Empty(t, round(append(rows, row(7, "10", 80, 70))...).Removed)
		require.Len(t, s.Rows, 8)
		for _, k := range s.Rows {
			assert.Equal(t, k.Text != "ROW 7", k.Amount.Sign() > 0, k.Text)
		}
	})
}
