package bank

import (
	"sync"
	"time"
)

// Settings are what a bank starts with.
type Settings struct {
	Seed        uint64
	Start       time.Time
	HistoryDays int
	Customers   []Customer
}

// Bank is the bank behind the wire formats: its clock, customers, institutions and books.
type Bank struct {
	clock        *clock
	historyDays  int
	Institutions []Institution
	customers    []Customer

	mu      sync.Mutex // guards all below, and what the providers remember
	Gen     *generator
	HookGen *generator // of webhooks, so that ids do not depend on whether the application takes them
	Outbox  Outbox
	books   map[string]*Book
	Outages map[string]bool // by the institution's name
	Served  map[string]int  // days of transactions, by the institution's name
	Unsaid  map[string]int  // the same, and the metadata tells of more

	JwtKey []byte
	macs   sync.Pool // hashes keyed with jwtKey
}

// New opens a bank. Its webhooks go to outbox.
func New(s Settings, outbox Outbox) *Bank {
	return &Bank{
		clock:        newClock(s.Start),
		historyDays:  s.HistoryDays,
		Institutions: catalogue,
		customers:    append([]Customer{{Username: UserGood, Password: PassGood}}, s.Customers...),
		Gen:          newGenerator(s.Seed),
		HookGen:      newGenerator(s.Seed + 1<<63),
		Outbox:       outbox,
		books:        map[string]*Book{},
		Outages:      map[string]bool{},
		Served:       map[string]int{},
		Unsaid:       map[string]int{},
	}
}

// DrawKey draws the key of the bank's own digests.
func (b *Bank) DrawKey() { b.JwtKey = b.Gen.Bytes(32) }

// Now returns the bank's time: the start, plus what has passed since, plus every
// advance.
func (b *Bank) Now() time.Time { return b.clock.now() }

// Advance moves the bank's clock ahead. A negative d is ignored: the bank's time never runs
// backwards.
func (b *Bank) Advance(d time.Duration) { b.clock.advance(d) }

// Lock takes the mutex of the bank, which guards all that it and its providers remember.
func (b *Bank) Lock() { b.mu.Lock() }

// Unlock gives the mutex back.
func (b *Bank) Unlock() { b.mu.Unlock() }
