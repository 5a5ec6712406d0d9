package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/reconcile"
)

// happening is one movement of money in a generated history.
type happening struct {
	n             int
	began, posted int // days
	seen          int // the first day on which the bank shows it
	hold, amount  int64
	text          string
}

// history is a year at a bank: salaries, coffees that repeat, tips, fuel holds, late postings.
func history(r *rand.Rand) []happening {
	var all []happening
	add := func(d, held int, hold, amount int64, text string) *happening {
		all = append(
			all,
			happening{n: len(all), began: d, posted: d + held, seen: d, hold: hold, amount: amount, text: text},
		)
		return &all[len(all)-1]
	}
	for d := range 365 {
		if d%30 == 24 {
			add(d, 0, 290_000, 290_000, "SALARY")
		}
		if r.IntN(3) == 0 {
			for range 1 + r.IntN(2) {
				add(d, 0, -320, -320, "COFFEE")
			}
		}
		if r.IntN(4) == 0 {
			a := -int64(1000 + r.IntN(5000))
			h := add(d, 1+r.IntN(3), a, a, fmt.Sprint("DINER ", r.IntN(1000)))
			if r.IntN(2) == 0 {
				h.amount = a * 118 / 100
			}
		}
		if r.IntN(15) == 0 {
			add(d, 1+r.IntN(2), -10_000, -int64(2000+r.IntN(5000)), fmt.Sprint("FUEL ", r.IntN(1000)))
		}
		if r.IntN(20) == 0 {
			add(d, 0, -700, -700, "TOLL").seen = d + 3 + r.IntN(4)
		}
	}
	return all
}

// view returns what a provider shows of the history on a day. epoch changes all ids.
func view(all []happening, today, from int, ids bool, epoch int) (rows []bankmux.Transaction, of map[string]int) {
	of = map[string]int{}
	for _, h := range all {
		if h.seen > today {
			continue
		}
		date, cents, status := h.posted, h.amount, booked
		if h.posted > today {
			date, cents, status = h.began, h.hold, pending
		}
		if date < from {
			continue
		}
		row := tx("", date, cents, h.text, "")
		if ids {
			row.ID, row.Status = fmt.Sprint(h.n, "-", epoch), status
			if status == pending {
				row.ID += fmt.Sprint("p", today) // each refresh makes new ones
			}
		}
		rows = append(rows, row)
		of[row.Date.String()+row.Amount.Amount()+row.RawDescription] = h.n
	}
	return rows, of
}

func yearOfReadings(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := history(r)
		var known []reconcile.Known
		replaced, suggested, wrong := 0, 0, 0
		ids, epoch := true, 0
		for today := 0; today < 400; today += 1 + r.IntN(3) {
			if today > 200 && ids {
				ids = false // another provider, which has no ids and no status
			}
			if r.IntN(40) == 0 {
				epoch++ // a new link: every id is another
			}
			from := max(0, today-60)
			rows, _ := view(all, today, from, ids, epoch)
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			in := reconcile.Reading{
				Provider: map[bool]string{true: "mk", false: "dp"}[ids],
				Account:  "main",
				From:     day1.AddDays(from),
				To:       day1.AddDays(today),
				Rows:     rows,
				Complete: true,
			}
			if r.IntN(25) == 0 {
				in.Rows = nil // the bank had a bad day
			}
			res := reconcile.Compare(known, in)
			for _, c := range res.Replaced {
				replaced++
				if !strings.EqualFold(c.Was.Text, reconcile.Text(c.Row)) {
					wrong++
				}
			}
			suggested += len(res.Suggested)
			known = res.Apply(known)
		}
		want, got := map[string]int{}, map[string]int{}
		for _, h := range all {
			want[day1.AddDays(h.posted).String()+" "+usd(h.amount).Amount()+" "+h.text]++
		}
		keys := map[string]bool{}
		for _, k := range known {
			got[k.Date.String()+" "+k.Amount.Amount()+" "+k.Text]++
			assert.False(t, keys[k.Key], "a key twice")
			keys[k.Key] = true
		}
		assert.Equal(t, want, got, "seed %d: application and bank agree row for row", seed)
		assert.Zero(t, wrong)
		assert.Greater(t, replaced, 60, "seed %d", seed)
		t.Logf("seed %d: %d rows, %d replaced, %d suggested", seed, len(all), replaced, suggested)
	}
}
