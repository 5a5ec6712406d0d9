package bench

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
)

// record serves a long record of changes page by page.
type record struct {
	backend
	rows  int
	today bankmux.Date
	most  uint64 // bytes of live heap, at most
	looks int
}

const perDay = 500

// measure looks at the live heap every hundredth time.
func (r *record) measure() {
	if r.looks++; r.looks%100 == 0 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		r.most = max(r.most, stats.HeapAlloc)
	}
}

// row is one of the rows, newest first.
func (r *record) row(i int) (id, day, amount, text string) {
	id, day = fmt.Sprintf("txn_%08d", i), r.today.AddDays(-i/perDay).String()
	return id, day, fmt.Sprintf("%d.%02d", 1+i%977, i%100), fmt.Sprintf("MERCHANT %d SEATTLE WA", i%70_001)
}

const (
	syncRow = `{"transaction_id":%q,"account_id":"acc_1","amount":%s,"type":"debit","currency":"USD","date":%q,` +
		`"description":"Shop","raw_description":%q,"pending":false}`
	syncEnd = `],"updated":[],"removed":[]},"accounts":[],"cursor":{"next":"%d"},"has_more":%t,` +
		`"link":{"link_id":"link_1","state":"connected"}}`
	oneAccount = `{"accounts":[{"account_id":"acc_1","account_type":"depository.checking","name":"Checking",` +
		`"balances":{"currency":"USD","available":1,"current":1,"limit":null}}],` +
		`"link":{"link_id":"link_1","state":"connected"}}`
)

func (r *record) RoundTrip(req *http.Request) (*http.Response, error) {
	switch query := req.URL.Query(); {
	case strings.HasSuffix(req.URL.Path, "/transactions/sync"):
		at, _ := strconv.Atoi(query.Get("cursor"))
		size, _ := strconv.Atoi(query.Get("size"))
		end := min(at+size, r.rows)
		var b bytes.Buffer
		b.WriteString(`{"transactions":{"created":[`)
		for i := at; i < end; i++ {
			if i > at {
				b.WriteByte(',')
			}
			id, day, amount, text := r.row(i)
			fmt.Fprintf(&b, syncRow, id, amount, day, text)
		}
		fmt.Fprintf(&b, syncEnd, end, end < r.rows)
		return respond(req, http.StatusOK, &b)
	case strings.HasSuffix(req.URL.Path, "/accounts"):
		return respond(req, http.StatusOK, strings.NewReader(oneAccount))
	}
	return r.backend.RoundTrip(req)
}

// known makes the rows that the application has stored so far, one by one, as a database would.
func (r *record) known(
	stored *int,
) func(context.Context, string, bankmux.Date, bankmux.Date) iter.Seq2[bankmux.Known, error] {
	return func(_ context.Context, account string, from, to bankmux.Date) iter.Seq2[bankmux.Known, error] {
		return func(yield func(bankmux.Known, error) bool) {
			first := max(0, r.today.DaysSince(to)) * perDay
			for i := first; i < min(*stored, (r.today.DaysSince(from)+1)*perDay); i++ {
				id, day, amount, text := r.row(i)
				date, _ := bankmux.ParseDate(day)
				money, _ := bankmux.NewMoney("-"+amount, "USD")
				k := bankmux.Known{
					Key:     "t1:" + id,
					Aliases: []string{"id:moneykit:" + id},
					Account: account,
					Status:  bankmux.StatusBooked,
					Date:    date,
					Amount:  money,
					Text:    strings.ToLower(text),
				}
				if !yield(k, nil) {
					return
				}
			}
			r.measure() // a page and the known rows of its days are in hand
		}
	}
}

func TestSync(t *testing.T) {
	t.Run("a million rows stay under 64 MiB", aSyncOfAMillionRowsStaysUnder64MiB)
}

// A sync holds one page of a million transactions. The application knows all rows that it stored.
func aSyncOfAMillionRowsStaysUnder64MiB(t *testing.T) {
	million, limit := many()
	list := &record{rows: million, today: bankmux.DateOf(time.Now().UTC())}
	client, conn := connect(t, "moneykit", list, &list.backend)
	n, pages, stored, longest := 0, 0, 0, 0
	for req := (bankmux.SyncRequest{Connection: conn, Known: list.known(&stored)}); ; {
		page, err := client.Sync(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Added)
		stored, longest = n, max(longest, len(page.Next))
		pages++
		if req.Cursor = page.Next; !page.More {
			break
		}
	}
	t.Logf(
		"%d rows in %d pages, at most %.1f MiB live, cursors of at most %d bytes",
		n,
		pages,
		float64(list.most)/(1<<20),
		longest,
	)
	if n != million || list.most > limit || longest > 1024 {
		t.Errorf("%d rows, %d bytes live, a cursor of %d bytes", n, list.most, longest)
	}
}
