package bank

// This file has the bank and its mutex.

import (
	"sync"
	"time"
)

// Settings configures a bank. The fields are those of virtualbank.Options.
type Settings struct {
	Seed        uint64
	Start       time.Time
	HistoryDays int
	Customers   []Customer
}

// Bank is the bank behind the wire formats. A provider embeds it and reads and changes its fields
// under the mutex.
type Bank struct {
	clock        *clock
	historyDays  int
	Institutions []Institution
	customers    []Customer

	mu          sync.Mutex // guards the fields below and the state of the providers
	Gen         *generator // draws ids, credentials and tokens
	WebhookGen  *generator // draws for webhooks, so that they do not change other ids
	Outbox      Outbox
	books       map[string]*Book
	Outages     map[string]bool // institutions that are down, by name
	Served      map[string]int  // days of transactions that institutions serve, by name
	Unannounced map[string]int  // days that institutions serve if their metadata promises more, by name

	Key  []byte    // of digests and of Dapi's tokens
	macs sync.Pool // HMAC hashes with the key Key
}

// New returns a bank. Its providers announce webhooks to outbox.
func New(s Settings, outbox Outbox) *Bank {
	return &Bank{
		clock:        newClock(s.Start),
		historyDays:  s.HistoryDays,
		Institutions: catalogue,
		customers:    append([]Customer{{Username: UserGood, Password: PassGood}}, s.Customers...),
		Gen:          newGenerator(s.Seed),
		WebhookGen:   newGenerator(s.Seed + 1<<63),
		Outbox:       outbox,
		books:        map[string]*Book{},
		Outages:      map[string]bool{},
		Served:       map[string]int{},
		Unannounced:  map[string]int{},
	}
}

// DrawKey draws Key. It is called after the providers drew their credentials.
func (b *Bank) DrawKey() { b.Key = b.Gen.Bytes(32) }

// Now returns the bank's time.
func (b *Bank) Now() time.Time { return b.clock.now() }

// Advance moves the bank's clock forward. A negative d has no effect.
func (b *Bank) Advance(d time.Duration) { b.clock.advance(d) }

// Lock locks the mutex that guards the bank and its providers.
func (b *Bank) Lock() { b.mu.Lock() }

// Unlock unlocks the mutex.
func (b *Bank) Unlock() { b.mu.Unlock() }
