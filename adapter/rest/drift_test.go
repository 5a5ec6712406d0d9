package rest_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/normalize"
)

// driftBody is what the adapter of these tests reads.
type driftBody struct {
	Status string `json:"status"`
	Code   string `json:"code"`
}

// drifting is a client whose server sends one body.
type drifting struct {
	*rest.Client
	body   atomic.Value
	status atomic.Int64
	guard  *guard.Guard
}

func newDrifting(t *testing.T) *drifting {
	t.Helper()
	d := &drifting{guard: guard.New(guard.Options{})}
	d.body.Store(`{"status":"ok"}`)
	d.status.Store(http.StatusOK)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(d.status.Load()))
		_, _ = fmt.Fprint(w, d.body.Load())
	})
	docs := normalize.NewDocumented("root: request_id\nroot.status = ok", normalize.Codes{
		Members: "root.code", Catalogue: normalize.NewCatalogue(normalize.Row{Code: "LISTED", Kind: bankmux.ErrReauth}),
	})
	d.Client = rest.New(rest.Config{
		BaseURL: server.URL, Drift: rest.Drift{Guard: d.guard, Client: "second", Provider: "p", Documented: docs},
	})
	return d
}

// get requests a path and reads the response.
func (d *drifting) get(t *testing.T, path string) {
	t.Helper()
	res, err := d.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: path})
	require.NoError(t, err)
	require.NoError(t, res.Decode(&driftBody{}))
	require.NoError(t, res.Decode(&struct{}{}), "a second type is not compared")
}

// twice requests a path and the response has a look, and a second one if something is new.
func (d *drifting) twice(t *testing.T, path string) {
	t.Helper()
	d.get(t, path)
	d.get(t, path)
}

// found requires what was found, each once.
func (d *drifting) found(t *testing.T, want ...guard.Drift) {
	t.Helper()
	all := map[guard.Drift]uint64{}
	for _, one := range want {
		all[one] = 1
	}
	assert.Equal(t, all, d.guard.Drift())
}

func unknown(endpoint, name string) guard.Drift {
	return guard.Drift{Client: "second", Provider: "p", Endpoint: endpoint, Kind: guard.DriftMember, Member: name}
}

// TestDrift specifies which responses a client looks at.
func TestDrift(t *testing.T) {
	t.Parallel()
	t.Run("the first response of each endpoint and then one of each hundred", oneOfEachHundred)
	t.Run("what only one response has is not reported", whatOnlyOneResponseHasIsNotReported)
	t.Run("failures do not use up the looks at successes", failuresAreCountedApart)
	t.Run("a value of an enumeration is reported with its member", func(t *testing.T) {
		t.Parallel()
		d := newDrifting(t)
		d.body.Store(`{"status":"novel","request_id":"4711"}`)
		d.twice(t, "/one")
		want := unknown("GET /one", "status")
		want.Kind, want.Word = guard.DriftValue, "novel"
		d.found(t, want)
	})
	t.Run("a code of an error is reported unless the call failed", aCodeIsReported)
	t.Run("an id in a path is not reported", func(t *testing.T) {
		t.Parallel()
		d := newDrifting(t)
		d.body.Store(`{"alien":1}`)
		d.twice(t, "/v2/accounts/4711/aXkQzPwLmRtVbNcS/Alice/.well-known/jwks.json/getIdentity/DelinkUser")
		d.found(t, unknown("GET /v2/accounts/*/*/*/.well-known/jwks.json/getIdentity/DelinkUser", "alien"))
	})
	t.Run("adapters with an id in each path are counted together", endpointsAreBounded)
	t.Run("a body that cannot be read leaves the look to the next one", aBrokenBodyKeepsTheLook)
	t.Run("a part of a body that cannot be read is not looked at", aPartIsNotLookedAt)
	t.Run("a member of every second or fourth response is found", alternatingRequests)
	t.Run("a delivery is looked at", aDeliveryIsLookedAt)
	t.Run("without a guard nothing is looked at", func(t *testing.T) {
		t.Parallel()
		v := rest.Delivery[driftBody](t.Context(), rest.New(rest.Config{BaseURL: "http://127.0.0.1"}),
			[]byte(`{"alien":1}`))
		assert.Empty(t, v)
	})
	t.Run("parallel calls are looked at once in a hundred", parallelCalls)
}

func oneOfEachHundred(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	for i := 1; i <= 301; i++ { // a look and the second one after it have one name in common
		d.body.Store(fmt.Sprintf(`{"status":"ok","a%s":1,"a%s":1}`, letters(i), letters(i-1)))
		d.get(t, "/one")
	}
	d.body.Store(`{"status":"ok","other":1}`)
	d.twice(t, "/two")
	d.found(t, unknown("GET /one", "a"+letters(1)), unknown("GET /one", "a"+letters(162)),
		unknown("GET /one", "a"+letters(223)), unknown("GET /two", "other"))
}

// whatOnlyOneResponseHasIsNotReported has a map whose keys are names of persons.
func whatOnlyOneResponseHasIsNotReported(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	for i := range 400 {
		d.body.Store(fmt.Sprintf(`{"status":"p%s","q%s":{"balance":1}}`, letters(i), letters(i)))
		d.get(t, "/one")
	}
	d.found(t)
	d.body.Store(`{"status":"late","fresh":1}`)
	for range 163 {
		d.get(t, "/one")
	}
	assert.Contains(t, d.guard.Drift(), unknown("GET /one", "fresh"))
	assert.Len(t, d.guard.Drift(), 2)
}

// letters writes a number as a name.
func letters(n int) string {
	return string([]rune{rune('a' + n/26%26), rune('a' + n%26)})
}

func aCodeIsReported(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	d.body.Store(`{"status":"ok","code":"BRAND_NEW"}`)
	d.status.Store(http.StatusBadRequest)
	d.get(t, "/one")
	d.found(t)
	assert.Empty(t, d.guard.UnlistedCodes(), "the error of the call has it")
	d.status.Store(http.StatusOK)
	d.get(t, "/one")
	want := unknown("GET /one", "code")
	want.Kind, want.Word = guard.DriftCode, "BRAND_NEW"
	d.found(t, want)
	assert.Equal(t, map[string]uint64{"p BRAND_NEW": 1}, d.guard.UnlistedCodes())
}

func failuresAreCountedApart(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	d.status.Store(http.StatusServiceUnavailable)
	for range 150 {
		d.get(t, "/one")
	}
	d.status.Store(http.StatusOK)
	d.body.Store(`{"alien":1}`)
	d.twice(t, "/one")
	d.found(t, unknown("GET /one", "alien"))
}

func endpointsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	for i := range 255 {
		d.get(t, fmt.Sprint("/", i))
	}
	d.body.Store(`{"alien":1}`)
	d.twice(t, "/last/of/its/own")
	d.twice(t, "/shared")
	d.found(t, unknown("GET /last/of/its/own", "alien"), unknown("GET /shared", "alien"))
	for i := range 159 {
		d.get(t, fmt.Sprint("/more/", i))
	}
	d.found(t, unknown("GET /last/of/its/own", "alien"), unknown("GET /shared", "alien"))
	d.twice(t, "/still/more/1")
	d.found(t, unknown("GET /last/of/its/own", "alien"), unknown("GET /shared", "alien"),
		unknown("GET /still/more/*", "alien"))
}

// aBrokenBodyKeepsTheLook has a page of a proxy where the look would be.
func aBrokenBodyKeepsTheLook(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	d.body.Store(`{"status":`)
	for range 3 {
		res, err := d.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/one"})
		require.NoError(t, err)
		require.Error(t, res.Decode(&driftBody{}))
	}
	d.body.Store(`{"alien":1}`)
	d.twice(t, "/one")
	d.found(t, unknown("GET /one", "alien"))
}

// aPartIsNotLookedAt reads the status of a body whose code cannot be read.
func aPartIsNotLookedAt(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	d.body.Store(`{"status":"ok","code":"A","code":"B"}`)
	res, err := d.Do(t.Context(), rest.Request{Method: http.MethodGet, Path: "/one"})
	require.NoError(t, err)
	require.Empty(t, rest.Try[driftBody](res))
	part := rest.Try[struct {
		Status string `json:"status"`
	}](res)
	assert.Equal(t, "ok", part.Status)
	d.found(t)
	d.body.Store(`{"alien":1}`)
	d.twice(t, "/one")
	d.found(t, unknown("GET /one", "alien"))
}

// alternatingRequests has two kinds of requests to one endpoint, as an operation has that sends a
// probe first. Only one of them has responses with the member.
func alternatingRequests(t *testing.T) {
	t.Parallel()
	for _, period := range []int{2, 4} {
		for phase := range period {
			d := newDrifting(t)
			for i := range period*200 + 200 {
				d.body.Store(`{"status":"ok"}`)
				if i%period == phase {
					d.body.Store(`{"alien":1}`)
				}
				d.get(t, "/one")
			}
			assert.Contains(t, d.guard.Drift(), unknown("GET /one", "alien"), "every %d, from %d", period, phase)
		}
	}
}

func aDeliveryIsLookedAt(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	body := []byte(`{"status":"ok","alien":1}`)
	for range 3 {
		assert.Equal(t, driftBody{Status: "ok"}, rest.Delivery[driftBody](t.Context(), d.Client, body))
	}
	assert.Empty(t, rest.Delivery[driftBody](t.Context(), d.Client, []byte(`{"status":"ok"`)), "it is not JSON")
	for body, want := range map[string]string{
		`{"status":"ok","zz":1,"zz":{"a":1,"a":2}}`: "ok", // nothing reads the key
		`{"status":"ok","status":"ok"}`:             "",
	} {
		assert.Equal(t, want, rest.Delivery[driftBody](t.Context(), d.Client, []byte(body)).Status, body)
	}
	d.found(t, unknown("webhook", "alien"))
}

func parallelCalls(t *testing.T) {
	t.Parallel()
	d := newDrifting(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				_ = rest.Delivery[driftBody](t.Context(), d.Client, []byte(`{"alien":1}`))
			}
		})
	}
	all.Wait()
	found := d.guard.Drift()
	assert.Len(t, found, 1)
	assert.Contains(t, []uint64{1, 2}, found[unknown("webhook", "alien")], "of 200")
}
