package soak_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/bankmux/bankmux"
)

var (
	flagSeed        = flag.Uint64("soak.seed", 1, "the seed from which the plans follow")
	flagConnections = flag.Int("soak.connections", standard, "how many connections the soak drives through a year")
	flagStory       = flag.Int("soak.story", -1, "print the story of this connection")
	flagOnly        = flag.Int(
		"soak.only",
		-1,
		"drive this connection alone; what it shares with others may differ then",
	)
)

const (
	laneCount = 4  // worlds at once, so that several processors have work
	perYear   = 25 // connections whose years are at the same time; no more are held in memory
)

// config selects a soak.
type config struct {
	seed        uint64
	connections int
	lanes       int
	only        int // -1 for all
	mistake     mistake

	// What a planted mistake needs to show, which is random otherwise.
	staged   []string // before every sync; nil means what the plan draws
	exchange string   // the fault in the first try of every exchange; "" means a random one
	moves    moves    // between providers
}

// moves is when connections move to another provider.
type moves int

const (
	movesDrawn moves = iota // as the seed has it
	movesNever
	movesOnce // every connection, before any leaves
)

// report has what was counted and the complaints.
type report struct {
	at     sync.Mutex
	counts map[string]map[string]int
	wrong  []string
	most   uint64 // bytes of heap at the end of a year, garbage included
}

func (r *report) count(what, name string, n int) {
	r.at.Lock()
	defer r.at.Unlock()
	if r.counts[what] == nil {
		r.counts[what] = map[string]int{}
	}
	r.counts[what][name] += n
}

func (r *report) complain(format string, args ...any) {
	r.at.Lock()
	defer r.at.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
}

func (r *report) measure() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.at.Lock()
	defer r.at.Unlock()
	r.most = max(r.most, m.HeapAlloc)
}

// total returns the sum of the counts under a heading.
func (r *report) total(what string) (n int) {
	for _, one := range r.counts[what] {
		n += one
	}
	return n
}

// heapNow returns the heap in use after a collection.
func heapNow() uint64 {
	runtime.GC()
	runtime.GC() // of what the first freed from pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// soak drives all connections through their years. It calls over while the worlds and their clients
// still exist, but no table, user or bank.
func soak(t *testing.T, cfg config, over func()) *report {
	t.Helper()
	report := &report{counts: map[string]map[string]int{}}
	arrived, leave := make(chan struct{}), make(chan struct{})
	var lanes sync.WaitGroup
	for lane := range cfg.lanes {
		lanes.Go(func() {
			t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
				var once sync.Once
				arrive := func() { once.Do(func() { arrived <- struct{}{} }) }
				defer arrive()
				inWorld(t, cfg, lane, report, func(w *world) {
					first, last := lane*cfg.connections/cfg.lanes, (lane+1)*cfg.connections/cfg.lanes
					for n := first; n < last; n += perYear {
						var numbers []int
						for i := n; i < min(n+perYear, last); i++ {
							if cfg.only < 0 || cfg.only == i {
								numbers = append(numbers, i)
							}
						}
						if len(numbers) > 0 {
							w.year((n-first)/perYear, n, numbers)
						}
					}
					arrive()
					<-leave
				})
			})
		})
	}
	for range cfg.lanes {
		<-arrived
	}
	over()
	close(leave)
	lanes.Wait()
	return report
}

func TestSoakAYearOfFaultsEndsInAgreement(t *testing.T) {
	cfg := config{seed: *flagSeed, connections: *flagConnections, lanes: laneCount, only: *flagOnly}
	t.Logf("go test -run Soak ./internal/soak -soak.seed %d -soak.connections %d", cfg.seed, cfg.connections)
	before := goleak.IgnoreCurrent()
	start, goroutines, heap := time.Now(), runtime.NumGoroutine(), heapNow()
	var heapAfter uint64
	report := soak(t, cfg, func() { heapAfter = heapNow() })
	t.Log("\n" + report.figures(cfg, start, heap, heapAfter, goroutines))
	for _, wrong := range report.wrong[:min(30, len(report.wrong))] {
		t.Error(wrong)
	}
	assert.Empty(t, report.wrong, "complaints")
	assert.NoError(t, goleak.Find(before), "goroutines are left")
	if cfg.only < 0 && cfg.connections >= 30 { // fewer need not have all
		for _, provider := range providers {
			assert.NotZero(t, report.counts["syncs"][provider], provider)
			assert.NotZero(t, report.counts["rows compared"][provider], provider)
		}
		assert.NotEmpty(t, report.counts["moves between providers"])
		assert.NotZero(t, report.counts["notes after a move"]["on their rows"])
	}
	// The library may remember connections that have ended: those on hold, at most 10,000, and a
	// handful of banks.
	assert.Less(t, int64(heapAfter)-int64(heap), int64(4<<20+1<<10*cfg.connections))
}

// figures returns the numbers of a run as bench/README.md has them.
func (r *report) figures(cfg config, start time.Time, heap, heapAfter uint64, goroutines int) string {
	var b strings.Builder
	const mib = 1 << 20
	fmt.Fprintf(&b, "| seed %d | |\n| --- | --- |\n", cfg.seed)
	fmt.Fprintf(&b, "| connections | %d |\n", cfg.connections)
	fmt.Fprintf(&b, "| took | %s |\n", time.Since(start).Round(100*time.Millisecond))
	fmt.Fprintf(&b, "| live heap before, after | %.1f MiB, %.1f MiB |\n", float64(heap)/mib, float64(heapAfter)/mib)
	fmt.Fprintf(&b, "| most heap at the end of a year, with garbage | %.1f MiB |\n", float64(r.most)/mib)
	fmt.Fprintf(&b, "| goroutines before, after | %d, %d |\n", goroutines, runtime.NumGoroutine())
	for _, what := range sortedNames(r.counts) {
		fmt.Fprintf(&b, "| %s | %d:", what, r.total(what))
		for i, name := range sortedNames(r.counts[what]) {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %s %d", name, r.counts[what][name])
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// mistake is a planted mistake, which the soak must notice.
type mistake struct {
	twice   bool // an exchange that failed is sent again
	drops   bool // the first added row of a page is not stored
	removes bool // a row that is missing once is removed
	// a row that has changed is stored as another, without its note
	forgetsNotes bool
	leaks        bool          // one goroutine per year is left
	openFor      time.Duration // how long a breaker stays open
}

func (m *mistake) forgets() bool { return m.drops || m.removes }

// spoil changes a page as a careless application does.
func (m *mistake) spoil(page *bankmux.Delta) {
	if m.drops && len(page.Added) > 0 {
		page.Added = page.Added[1:]
	}
	if m.removes {
		page.Removed, page.Missing = append(page.Removed, page.Missing...), nil
	}
}
