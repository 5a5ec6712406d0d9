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

	"github.com/bankmux/bankmux/bench/fixture"
)

func TestWays(t *testing.T) {
	t.Run("every way sends the same requests", everyWaySendsTheSameRequests)
	t.Run("a response about something else is an error", aResponseAboutSomethingElseIsAnError)
	t.Run("the ways by others check the same members", theWaysByOthersCheckTheSameMembers)
	t.Run("a response that is too large is an error", aResponseThatIsTooLargeIsAnError)
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
	for _, name := range []string{
		"Authorization", "Moneykit-Version", "Plaid-Client-Id", "Plaid-Secret", "Plaid-Version",
	} {
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
						t.Errorf("%s sends\n%s\nby hand\n%s", w.name, strings.Join(s.sent, "\n"),
							strings.Join(first, "\n"))
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
				byHand, byLibrary := allocs(named(t, all, hand)), allocs(named(t, all, library))
				if byLibrary-byHand > most[adapter+" "+op] {
					t.Errorf("%v allocations, by hand %v", byLibrary, byHand)
				}
			})
		}
	}
}

// named returns the way with a name.
func named(t *testing.T, all []way, name string) way {
	t.Helper()
	i := slices.IndexFunc(all, func(w way) bool { return w.name == name })
	if i < 0 {
		t.Fatal("no way", name)
	}
	return all[i]
}

// others returns an operation by each of the other ways, against a server that sends one body.
func others(t *testing.T, adapter, op, body string) map[string]generatedOperation {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if fixture.Created(r.URL.Path) {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(web.Close)
	all := map[string]generatedOperation{}
	for name, send := range map[string]sender{
		hand: byHand(web.URL, web.Client()), bare: byResty(web.URL, web.Client()),
	} {
		all[name] = func(ctx context.Context, tag string) error { return operations[adapter][op](ctx, send, tag) }
	}
	var err error
	if all[generated], err = byGenerated(web.URL, web.Client(), adapter, op); err != nil {
		t.Fatal(err)
	}
	return all
}

func aResponseAboutSomethingElseIsAnError(t *testing.T) {
	for adapter, ops := range operations {
		for op := range ops {
			for name, do := range others(t, adapter, op, `{}`) {
				if err := do(t.Context(), "tag"); !errors.Is(err, errResponse) {
					t.Errorf("%s, %s, %s: %v", adapter, op, name, err)
				}
			}
		}
	}
}

func theWaysByOthersCheckTheSameMembers(t *testing.T) {
	for name, c := range map[string]struct{ adapter, op, path, old, new string }{
		"a link of another session":  {"moneykit", "exchange", "/link-session/exchange-token", "bankmux-session:", "other:"},
		"a link that is broken":      {"moneykit", "exchange", "/link-session/exchange-token", "connected", "error"},
		"accounts of a broken link":  {"moneykit", "accounts", "/links/mk_7RkVhQ2mTz4XwPdLb9NcGa/accounts", "connected", "error"},
		"two accounts of three":      {"moneykit", "accounts", "/links/mk_7RkVhQ2mTz4XwPdLb9NcGa/accounts", `[{"account_id"`, `[],"x":[{"account_id"`},
		"an exchange that failed":    {"dapi", "exchange", "/auth/ExchangeToken", "done", "failed"},
		"an exchange without token":  {"dapi", "exchange", "/auth/ExchangeToken", "accessToken", "other"},
		"a bank without name":        {"dapi", "exchange", "/metadata/accounts/get", "bankName", "other"},
		"accounts that failed":       {"dapi", "accounts", "/data/accounts/get", "done", "failed"},
		"a link of another token":    {"plaid", "exchange", "/link/token/get", "public-sandbox-1", "public-sandbox-2"},
		"a public token without one": {"plaid", "exchange", "/item/public_token/exchange", "access_token", "other"},
		"another Item":               {"plaid", "exchange", "/item/get", `"item_id":"E`, `"item_id":"F`},
		"an Item with an error":      {"plaid", "exchange", "/item/get", `"error":null`, `"error":{"error_code":"ITEM_LOCKED"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s, base := open(t)
			all, err := ways(t.Context(), base, c.adapter, c.op, 1)
			if err != nil {
				t.Fatal(err)
			}
			body := strings.ReplaceAll(string(s.bodies[c.path]), c.old, c.new)
			if body == string(s.bodies[c.path]) {
				t.Fatal("nothing changed")
			}
			s.bodies[c.path] = []byte(body)
			for _, name := range []string{hand, generated, bare} {
				if err := named(t, all, name).run(t.Context(), 0); !errors.Is(err, errResponse) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func aResponseThatIsTooLargeIsAnError(t *testing.T) {
	body := `{"unknown":"` + strings.Repeat("x", bodyLimit) + `"}`
	for adapter, ops := range operations {
		for op := range ops {
			for name, do := range others(t, adapter, op, body) {
				if err := do(t.Context(), "tag"); err == nil || !strings.Contains(err.Error(), "too large") {
					t.Errorf("%s, %s, %s: %v", adapter, op, name, err)
				}
			}
		}
	}
}

func TestServer(t *testing.T) {
	t.Run("it holds requests until they are released", itHoldsRequests)
}

func itHoldsRequests(t *testing.T) {
	_, base := open(t)
	all, err := ways(t.Context(), base, "dapi", "accounts", 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all {
		found, err := held(t.Context(), base, 5, w.run)
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
	t.Run("median and quartiles", medianAndQuartiles)
}

func medianAndQuartiles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Figure
	}{
		{[]float64{5, 1, 4, 2, 3}, Figure{3, 2, 4}},
		{[]float64{7}, Figure{7, 7, 7}},
		{[]float64{4, 2}, Figure{3, 2.5, 3.5}},
		{[]float64{6, 2, 4}, Figure{4, 3, 5}},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Figure{6, 3.5, 8.5}},
	} {
		if got := figureOf(slices.Clone(c.values)); got != c.want {
			t.Error(c.values, got)
		}
	}
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
	if f := results[1].Figures["allocs/hand"]; f.Median < 2.8 || f.Median > 3.2 || f.Low > f.Median ||
		f.High < f.Median {
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
	t.Run("files of other rounds or calls are an error", filesOfOtherRoundsOrCallsAreAnError)
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
	worse, err := compareFiles(&out, file(t, map[string]Figure{"p99_us": {1, 1, 1}}),
		file(t, map[string]Figure{"p50_us": {2, 2, 2}}))
	if err != nil || worse != 0 || strings.Count(out.String(), "in one file only") != 2 {
		t.Error(worse, err, out.String())
	}
}

func filesOfOtherRoundsOrCallsAreAnError(t *testing.T) {
	var names []string
	for i, n := range []size{{11, 640}, {11, 640}, {3, 640}, {11, 64}} {
		names = append(names, filepath.Join(t.TempDir(), "results.jsonl"))
		one := Result{Way: hand, Rounds: n.rounds, Calls: n.calls, Figures: map[string]Figure{"cpu_us": {1, 1, 1}}}
		if err := write(names[i], []Result{one}); err != nil {
			t.Fatal(err)
		}
		_, err := compareFiles(io.Discard, names[0], names[i])
		if same := i < 2; same != (err == nil) {
			t.Error(n, err)
		}
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
