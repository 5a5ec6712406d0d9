package virtualbank

import (
	"sync"
	"time"
)

// coreSettings are what a bank starts with.
type coreSettings struct {
	Seed        uint64
	Start       time.Time
	HistoryDays int
	Customers   []coreCustomer
}

// core is the bank behind the wire formats: its clock, customers, institutions and books.
type core struct {
	clock        *clock
	historyDays  int
	institutions []coreInstitution
	customers    []coreCustomer

	mu      sync.Mutex // guards all below, and what the providers remember
	gen     *generator
	hookGen *generator // of webhooks, so that ids do not depend on whether the application takes them
	outbox  coreOutbox
	books   map[string]*book
	outages map[string]bool // by the institution's name
	served  map[string]int  // days of transactions, by the institution's name
	unsaid  map[string]int  // the same, and the metadata tells of more

	jwtKey []byte
	macs   sync.Pool // hashes keyed with jwtKey
}

// newCore opens a bank. Its webhooks go to outbox.
func newCore(s coreSettings, outbox coreOutbox) *core {
	return &core{
		clock:        newClock(s.Start),
		historyDays:  s.HistoryDays,
		institutions: allInstitutions(),
		customers:    append([]coreCustomer{{Username: userGood, Password: passGood}}, s.Customers...),
		gen:          newGenerator(s.Seed),
		hookGen:      newGenerator(s.Seed + 1<<63),
		outbox:       outbox,
		books:        map[string]*book{},
		outages:      map[string]bool{},
		served:       map[string]int{},
		unsaid:       map[string]int{},
	}
}

// drawKey draws the key of the bank's own digests.
func (b *core) drawKey() { b.jwtKey = b.gen.bytes(32) }

// Now returns the bank's time: the start, plus what has passed since, plus every
// advance.
func (b *core) Now() time.Time { return b.clock.now() }

// advance moves the bank's clock ahead. A negative d is ignored: the bank's time never runs
// backwards.
func (b *core) advance(d time.Duration) { b.clock.advance(d) }

// Lock takes the mutex of the bank, which guards all that it and its providers remember.
func (b *core) Lock() { b.mu.Lock() }

// Unlock gives the mutex back.
func (b *core) Unlock() { b.mu.Unlock() }
