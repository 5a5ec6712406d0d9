package bench

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bankmux/bankmux"
)

// endless serves a long list of transactions page by page.
type endless struct {
	canned
	rows int
	day  string
}

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "ransactions") {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		n := max(0, min(size, e.rows-(page-1)*size))
		body := moneykitRows(n, e.day)
		body = []byte(strings.Replace(string(body), fmt.Sprintf(`"total":%d`, n), fmt.Sprintf(`"total":%d`, e.rows), 1))
		e.body = []byte(strings.ReplaceAll(string(body), "txn_B6yHs3KpVr8LqXwTd5", fmt.Sprintf("txn_%06d", page)))
	}
	return e.canned.RoundTrip(r)
}

func TestTransactions(t *testing.T) {
	t.Run("a million rows stay under 64 MiB", aMillionRowsStayUnder64MiB)
}

// many returns how many rows a test of live memory reads, and the bytes that it may take. It is 64
// bytes per row, less than any row needs that is kept. BANKMUX_FULL reads the whole million.
func many() (rows int, limit uint64) {
	if os.Getenv("BANKMUX_FULL") != "" {
		return 1_000_000, 64 << 20
	}
	return 250_000, 16 << 20
}

// The iterator holds none of a million transactions.
func aMillionRowsStayUnder64MiB(t *testing.T) {
	million, limit := many()
	list := &endless{rows: million, day: bankmux.DateOf(time.Now().UTC()).String()}
	client, conn := connect(t, "moneykit", list, &list.backend)
	n, most := 0, uint64(0)
	for _, err := range client.Transactions(t.Context(),
		bankmux.TransactionsRequest{Connection: conn, PageSize: 1000}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%50_000 == 0 {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			most = max(most, stats.HeapAlloc)
		}
	}
	t.Logf("%d rows, at most %.1f MiB live", n, float64(most)/(1<<20))
	if n != million || most > limit {
		t.Errorf("%d rows, %d bytes live", n, most)
	}
}
