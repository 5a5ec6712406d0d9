//go:build !race

package fleettest_test

// This file plants mistakes in a backend, which the checks must find. They do so without the race
// detector, with which the processes take long.

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// mistakes has the check that finds each mistake.
var mistakes = map[string]string{
	"every claim is successful":          "one holder at a time has a lease",
	"a lease has no end":                 "a lease ends after its TTL",
	"a lease ends too soon":              "a lease ends after its TTL",
	"a repeated claim does not prolong":  "a holder that repeats its claim keeps its lease, which ends later",
	"a repeated claim is a new lease":    "a holder that repeats its claim keeps its lease, which ends later",
	"an ended lease goes on":             "a holder whose lease has ended gets another one, and waits for it as others do",
	"fences start again":                 "each lease of a key has a greater fence",
	"the fence is not compared":          "a lease is released only by its holder, with its fence",
	"the holder is not compared":         "a lease is released only by its holder, with its fence",
	"a late release stores its fact":     "a holder that is too late changes nothing",
	"a late release is a success":        "a holder that is too late changes nothing",
	"all keys are one":                   "leases of different keys do not matter to each other",
	"look and take are two steps":        "of many claims at once one is successful",
	"there is no queue":                  "holders that wait get the lease in their order",
	"asking again goes to the end":       "holders that wait get the lease in their order",
	"a place has no end":                 "a place ends if its holder does not ask again",
	"asking again does not keep a place": "asking again keeps a place",
	"a place is not given up":            "a release without a fence gives up a place",
	"a lost lease is not given up":       "a release without a fence gives up a lease whose response was lost",
	"a fact is shown to holders alone":   "a fact goes from holder to holder, and to those who wait",
	"a fact is removed by every release": "a fact goes from holder to holder, and to those who wait",
	"a fact ends with the lease":         "a fact lives as long as its own TTL",
	"a fact of a lease has no end":       "a fact lives as long as its own TTL",
	"facts of keys are facts of all":     "all facts are read, and the last one of a name counts",
	"a clock put back starts a window":   "a clock that is put back gives no budget twice",
	"a clock put back ends no window":    "a clock that is put back gives no budget twice",
	"a removed fact stays":               "a fact goes from holder to holder, and to those who wait",
	"a fact has no end":                  "a fact expires",
	"the first fact stays":               "all facts are read, and the last one of a name counts",
	"all or nothing is taken":            "a budget is taken in chunks until nothing is left",
	"a budget is never used up":          "a budget is taken in chunks until nothing is left",
	"the first limit holds":              "the limit may change",
	"a window starts with the first use": "a window starts at a multiple of its length since 1970",
	"the offset is ignored":              "a window starts at a multiple of its length since 1970",
	"a budget has no window":             "a budget is new in each window",
	"a budget that rested is lost":       "a budget that has rested for some windows is given once",
	"any window is allowed":              "a window shorter than a millisecond is refused",
	"reading and counting are two steps": "many at once take the budget exactly",
	"an empty value is none":             "values are any bytes up to 1 MiB",
	"values are text":                    "values are any bytes up to 1 MiB",
	"names are trimmed":                  "names are any text of up to 400 bytes",
	"names are cut":                      "names are any text of up to 400 bytes",
	"a done context is ignored":          "a done context ends each method with an error",
}

const plantedIn = "FLEETTEST_MISTAKE"

func TestRunFindsMistakes(t *testing.T) {
	t.Parallel()
	if os.Getenv(plantedIn) != "" {
		return
	}
	run := func(planted, check string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMistake$/"+check, "-test.count=1",
			"-test.v")
		cmd.Env = append(os.Environ(), plantedIn+"="+planted)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	right, err := run("none", "")
	require.NoError(t, err, right)
	for mistake, name := range mistakes {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			check := strings.ReplaceAll(name, " ", "_")
			assert.Contains(t, right, "--- PASS: TestMistake/"+check+" ", "it passes without the mistake")
			out, err := run(mistake, "^"+regexp.QuoteMeta(check)+"$")
			require.Error(t, err, "the mistake was not found:\n%s", out)
			assert.Contains(t, out, "--- FAIL: TestMistake/"+check+" ")
			assert.NotContains(t, out, "panic:")
		})
	}
}

func TestMistake(t *testing.T) {
	t.Parallel()
	planted := os.Getenv(plantedIn)
	if planted == "" {
		return // only in the process of a mistake
	}
	inBubbles(t, func() guard.Backend {
		return &wrong{
			Memory: guard.NewMemory(), mistake: planted, facts: map[string]guard.Fact{}, first: map[string]int64{},
			arrived: make(chan struct{}),
		}
	})
}

// wrong is a backend with one mistake.
type wrong struct {
	*guard.Memory
	mistake string
	arrived chan struct{}

	mu    sync.Mutex
	facts map[string]guard.Fact
	first map[string]int64
	lease guard.Lease
	hold  string
	calls int64
	taken time.Time // of a budget, the last time
}

// name returns the name as the backend stores it.
func (w *wrong) name(name string) string {
	switch {
	case w.mistake == "names are trimmed":
		return strings.TrimSpace(name)
	case w.mistake == "names are cut" && len(name) > 255:
		return name[:255]
	}
	return name
}

func (w *wrong) value(f guard.Fact) guard.Fact {
	switch {
	case w.mistake == "an empty value is none" && len(f.Value) == 0:
		f.Value = nil
	case w.mistake == "values are text" && f.Value != nil:
		f.Value = []byte(strings.ToValidUTF8(string(f.Value), "?"))
	}
	return f
}

// claimed changes a claim as the mistake does.
func (w *wrong) claimed(c guard.Claim) guard.Claim {
	switch w.mistake {
	case "every claim is successful":
		c.Key += c.Holder
	case "a lease has no end":
		c.TTL *= 1000
	case "a lease ends too soon":
		c.TTL /= 2
	case "all keys are one":
		c.Key = "k"
	case "a place has no end":
		c.Place *= 1000
	}
	c.Key = w.name(c.Key)
	return c
}

func (w *wrong) Acquire(ctx context.Context, c guard.Claim) (guard.Lease, error) {
	c = w.claimed(c)
	w.mu.Lock()
	w.calls++
	calls := w.calls
	held, has := w.lease, w.hold == c.Holder
	w.mu.Unlock()
	switch w.mistake {
	case "a done context is ignored":
		ctx = context.WithoutCancel(ctx)
	case "a repeated claim does not prolong":
		if has {
			return held, nil
		}
	case "a repeated claim is a new lease":
		_, _ = w.Memory.Release(ctx, guard.Release{Key: c.Key, Holder: c.Holder})
	case "asking again goes to the end", "asking again does not keep a place":
		probe, _ := w.Memory.Acquire(ctx, guard.Claim{Key: c.Key, Holder: "probe", TTL: 1})
		again := probe.Fence == 0 && w.first[c.Holder] != 0
		w.first[c.Holder] = 1
		if again && w.mistake == "asking again does not keep a place" {
			return guard.Lease{}, nil
		}
		if again {
			_, _ = w.Memory.Release(ctx, guard.Release{Key: c.Key, Holder: c.Holder})
		}
	case "look and take are two steps":
		time.Sleep(time.Second) // until the others have looked
		return guard.Lease{Fence: calls}, nil
	}
	got, err := w.Memory.Acquire(ctx, c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if got.Fence != 0 {
		w.lease, w.hold = got, c.Holder
	}
	switch {
	case w.mistake == "there is no queue" && got.Fence == 0:
		_, _ = w.Memory.Release(ctx, guard.Release{Key: c.Key, Holder: c.Holder})
	case w.mistake == "an ended lease goes on" && has:
		got.Fence = held.Fence
	case w.mistake == "fences start again" && got.Fence != 0:
		got.Fence = 1
	case w.mistake == "a fact is shown to holders alone" && got.Fence == 0:
		got.Fact = guard.Fact{}
	case w.mistake == "a late release stores its fact" && w.facts[c.Key].Value != nil:
		got.Fact = w.facts[c.Key]
	}
	return got, err
}

func (w *wrong) Release(ctx context.Context, r guard.Release) (bool, error) {
	r.Key = w.name(r.Key)
	if w.mistake == "facts of keys are facts of all" && r.Fact != nil && r.Fact.Value != nil {
		_ = w.Memory.PutFact(ctx, r.Key, *r.Fact)
	}
	if r.Fact != nil {
		changed := w.value(*r.Fact)
		r.Fact = &changed
	}
	switch w.mistake {
	case "a done context is ignored":
		ctx = context.WithoutCancel(ctx)
	case "the fence is not compared":
		r.Fence = w.lease.Fence
	case "the holder is not compared":
		r.Holder = w.hold
	case "fences start again":
		r.Fence = w.lease.Fence
	case "all keys are one":
		r.Key = "k"
	case "a place is not given up", "a lost lease is not given up":
		if r.Fence == 0 {
			return true, nil
		}
	case "a removed fact stays":
		if r.Fact != nil && r.Fact.Value == nil {
			r.Fact = nil
		}
	case "a fact is removed by every release":
		if r.Fact == nil {
			r.Fact = &guard.Fact{}
		}
	case "a fact ends with the lease":
		if r.Fact != nil && r.Fact.TTL > time.Hour {
			r.Fact.TTL = time.Hour
		}
	case "a fact of a lease has no end":
		if r.Fact != nil {
			r.Fact.TTL *= 1000
		}
	case "a late release stores its fact":
		if r.Fact != nil {
			w.facts[r.Key] = *r.Fact
		}
	case "a late release is a success":
		_, err := w.Memory.Release(ctx, r)
		return true, err
	}
	return w.Memory.Release(ctx, r)
}

func (w *wrong) PutFact(ctx context.Context, name string, f guard.Fact) error {
	name, f = w.name(name), w.value(f)
	switch w.mistake {
	case "a done context is ignored":
		ctx = context.WithoutCancel(ctx)
	case "a fact has no end":
		f.TTL *= 1000
	case "the first fact stays":
		known, _ := w.Memory.Facts(ctx)
		if _, there := known[name]; there {
			return nil
		}
	}
	return w.Memory.PutFact(ctx, name, f)
}

func (w *wrong) Facts(ctx context.Context) (map[string]guard.Fact, error) {
	if w.mistake == "a done context is ignored" {
		ctx = context.WithoutCancel(ctx)
	}
	all, err := w.Memory.Facts(ctx)
	return maps.Clone(all), err
}

func (w *wrong) Take(ctx context.Context, t guard.Take) (guard.Taken, error) {
	t.Key = w.name(t.Key)
	w.mu.Lock()
	if w.first[t.Key] == 0 {
		w.first[t.Key] = t.Limit
	}
	first := w.first[t.Key]
	w.calls++
	lost := time.Since(w.taken) > t.Window && w.calls%200 == 199
	w.taken = time.Now()
	w.mu.Unlock()
	whole := t.Window
	switch w.mistake {
	case "a done context is ignored":
		ctx = context.WithoutCancel(ctx)
	case "all or nothing is taken":
		got, err := w.Memory.Take(ctx, t)
		if got.N < t.N {
			got.N = 0
		}
		return got, err
	case "a budget is never used up":
		return guard.Taken{N: t.N, Ends: t.Window}, ctx.Err()
	case "the first limit holds":
		t.Limit = first
	case "a window starts with the first use":
		t.Offset += time.Duration(time.Now().Add(time.Hour).UnixNano()) % t.Window
	case "the offset is ignored":
		t.Offset = 0
	case "a clock put back starts a window":
		t.Key += t.Offset.String() // only the clock of the test changes it
	case "a budget has no window":
		t.Window *= 100_000
	case "a budget that rested is lost":
		if lost {
			return guard.Taken{N: t.N, Ends: t.Window}, nil
		}
	case "any window is allowed":
		t.Window = max(t.Window, time.Millisecond)
	case "reading and counting are two steps":
		time.Sleep(time.Second) // until the others have read
		return guard.Taken{N: t.N, Ends: t.Window}, nil
	}
	got, err := w.Memory.Take(ctx, t)
	if w.mistake == "a budget has no window" || w.mistake == "a clock put back ends no window" {
		got.Ends = min(got.Ends, whole)
	}
	return got, err
}
