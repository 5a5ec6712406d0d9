package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bankmux/bankmux/bench/fixture"
)

func TestWays(t *testing.T) {
	t.Run("every way sends the same requests", everyWaySendsTheSameRequests)
	t.Run("a response about something else is an error", aResponseAboutSomethingElseIsAnError)
	t.Run("the library allocates little more than the way by hand", theLibraryAllocatesLittleMore)
}

// recorder serves canned bytes and keeps what was sent.
type recorder struct {
	server

	mu   sync.Mutex
	sent []string
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/control/") {
		s.control(w, r)
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var body bytes.Buffer
	if len(raw) > 0 && json.Compact(&body, raw) != nil {
		body.Write(raw) // a form
	}
	line := []string{r.Method, r.URL.String(), body.String(), r.Header.Get("Content-Type")}
	for _, name := range []string{"Authorization", "Moneykit-Version", "Plaid-Client-Id", "Plaid-Secret", "Plaid-Version"} {
		line = append(line, r.Header.Get(name))
	}
	s.mu.Lock()
	s.sent = append(s.sent, strings.Join(line, " | "))
	s.mu.Unlock()
	s.server.ServeHTTP(w, r)
}

func open(t *testing.T) (*recorder, string) {
	t.Helper()
	s := &recorder{}
	s.set("")
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL
}

// everyWaySendsTheSameRequests keeps the comparison fair.
func everyWaySendsTheSameRequests(t *testing.T) {
	requests := map[string]int{"moneykit": 1, "dapi": 2, "plaid": 3}
	for _, adapter := range fixture.Adapters {
		for _, op := range []string{"exchange", "accounts"} {
			t.Run(adapter+" "+op, func(t *testing.T) {
				s, base := open(t)
				all, err := ways(t.Context(), base, adapter, op, 1)
				if err != nil {
					t.Fatal(err)
				}
				want := requests[adapter]
				if op == "accounts" {
					want = 1
				}
				var first []string
				for _, w := range all {
					if err := w.run(t.Context(), 0); err != nil { // the first call may fetch a token too
						t.Fatal(w.name, err)
					}
					s.sent = nil
					if err := w.run(t.Context(), 0); err != nil {
						t.Fatal(w.name, err)
					}
					if first == nil {
						first = s.sent
					}
					if len(s.sent) != want || !slices.Equal(s.sent, first) {
						t.Errorf("%s sends\n%s\nby hand\n%s", w.name, strings.Join(s.sent, "\n"), strings.Join(first, "\n"))
					}
				}
			})
		}
	}
}

// theLibraryAllocatesLittleMore counts allocations of the server too, which are the same for both.
// The limits are two more than what was measured.
func theLibraryAllocatesLittleMore(t *testing.T) {
	most := map[string]float64{
		"moneykit exchange": 11, "moneykit accounts": 6,
		"dapi exchange": 23, "dapi accounts": 20,
		"plaid exchange": 23, "plaid accounts": 2,
	}
	for _, adapter := range fixture.Adapters {
		for _, op := range []string{"exchange", "accounts"} {
			t.Run(adapter+" "+op, func(t *testing.T) {
				_, base := open(t)
				all, err := ways(t.Context(), base, adapter, op, 1)
				if err != nil {
					t.Fatal(err)
				}
				allocs := func(w way) float64 {
					return testing.AllocsPerRun(100, func() {
						if err := w.run(t.Context(), 0); err != nil {
							t.Fatal(w.name, err)
						}
					})
				}
				if byHand, byLibrary := allocs(all[0]), allocs(all[2]); byLibrary-byHand > most[adapter+" "+op] {
					t.Errorf("%v allocations, by hand %v", byLibrary, byHand)
				}
			})
		}
	}
}

func aResponseAboutSomethingElseIsAnError(t *testing.T) {
	for adapter, ops := range operations {
		for op, do := range ops {
			empty := func(_ context.Context, c call) error { return json.Unmarshal([]byte(`{}`), c.out) }
			if err := do(t.Context(), empty, "tag"); !errors.Is(err, errResponse) {
				t.Errorf("%s, %s: %v", adapter, op, err)
			}
		}
	}
}

func TestServer(t *testing.T) {
	t.Run("it holds requests until they are released", itHoldsRequests)
}

func itHoldsRequests(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, base := open(t)
	all, err := ways(t.Context(), base, "dapi", "accounts", 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		found, err := held(ctx, base, 5, w.run)
		if err != nil {
			t.Fatal(w.name, err)
		}
		if len(found) != 4 {
			t.Errorf("%s: %v", w.name, found)
		}
	}
}

func TestMeasure(t *testing.T) {
	t.Run("ratios are those of the same round", ratiosAreThoseOfTheSameRound)
	t.Run("an error of any caller ends it", anErrorOfAnyCallerEndsIt)
	t.Run("median and quartiles", func(t *testing.T) {
		if got := figureOf([]float64{5, 1, 4, 2, 3}); got != (Figure{3, 2, 4}) {
			t.Error(got)
		}
	})
}

func ratiosAreThoseOfTheSameRound(t *testing.T) {
	calls := map[string]int{}
	var mu sync.Mutex
	allocating := func(name string, n int) way {
		return way{name, func(context.Context, int) error {
			mu.Lock()
			defer mu.Unlock()
			calls[name]++
			for range n {
				kept = append(kept[:0:0], 1)
			}
			return nil
		}}
	}
	results, err := inTurn(t.Context(), []way{allocating(hand, 100), allocating(bare, 300)}, 4, size{3, 40})
	if err != nil {
		t.Fatal(err)
	}
	if calls[hand] != 160 || calls[bare] != 160 { // a round before those that count
		t.Error(calls)
	}
	if f := results[1].Figures["allocs/hand"]; f.Median < 2.8 || f.Median > 3.2 || f.Low > f.Median || f.High < f.Median {
		t.Error(f)
	}
	if _, ok := results[0].Figures["allocs/hand"]; ok {
		t.Error("the way by hand is compared with itself")
	}
}

var kept []byte // so that it is allocated

func anErrorOfAnyCallerEndsIt(t *testing.T) {
	broken := way{bare, func(_ context.Context, caller int) error {
		if caller == 3 {
			return errResponse
		}
		return nil
	}}
	if _, err := inTurn(t.Context(), []way{broken}, 4, size{1, 8}); !errors.Is(err, errResponse) {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	t.Run("only figures beyond both spreads are flagged", onlyFiguresBeyondBothSpreadsAreFlagged)
	t.Run("figures of one file are listed", figuresOfOneFileAreListed)
	t.Run("a damaged file is an error", aDamagedFileIsAnError)
}

// file writes results of one way.
func file(t *testing.T, figures map[string]Figure) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "results.jsonl")
	err := write(name, []Result{{Adapter: "dapi", Op: "exchange", Callers: 1, Way: library, Figures: figures}})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func onlyFiguresBeyondBothSpreadsAreFlagged(t *testing.T) {
	for name, c := range map[string]struct {
		new  Figure
		flag string
	}{
		"equal":                     {Figure{10, 9, 11}, ""},
		"the spreads overlap":       {Figure{12, 10.5, 13}, ""},
		"the spreads touch":         {Figure{12, 11, 13}, ""},
		"more than both spreads":    {Figure{12, 11.5, 13}, "worse"},
		"less than both spreads":    {Figure{8, 7, 8.5}, "better"},
		"less, and wide":            {Figure{8, 7, 9}, ""},
		"more, but the same within": {Figure{10.5, 10, 30}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			worse, err := compareFiles(
				&out, file(t, map[string]Figure{"cpu_us": {10, 9, 11}}), file(t, map[string]Figure{"cpu_us": c.new}),
			)
			if err != nil || (worse == 1) != (c.flag == "worse") {
				t.Error(worse, err)
			}
			rows := strings.Split(strings.TrimSpace(out.String()), "\n")
			flagged := strings.Contains(rows[1], "worse") || strings.Contains(rows[1], "better")
			if len(rows) != 2 || flagged != (c.flag != "") || !strings.Contains(rows[1], c.flag) {
				t.Error(out.String())
			}
		})
	}
}

func figuresOfOneFileAreListed(t *testing.T) {
	var out strings.Builder
	worse, err := compareFiles(&out, file(t, map[string]Figure{"p99_us": {1, 1, 1}}), file(t, map[string]Figure{"p50_us": {2, 2, 2}}))
	if err != nil || worse != 0 || strings.Count(out.String(), "in one file only") != 2 {
		t.Error(worse, err, out.String())
	}
}

func aDamagedFileIsAnError(t *testing.T) {
	good := file(t, map[string]Figure{"p99_us": {1, 1, 1}})
	line, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"not JSON":           "p99",
		"the same way twice": string(line) + string(line),
		"cut off":            string(line[:len(line)/2]),
	} {
		t.Run(name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.jsonl")
			if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := compareFiles(io.Discard, good, bad); err == nil {
				t.Error("no error")
			}
		})
	}
	if _, err := compareFiles(io.Discard, good, good+".missing"); err == nil {
		t.Error("no error for a missing file")
	}
}
