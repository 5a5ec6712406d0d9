package inbox

// This file remembers which deliveries were handled.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Seen remembers which deliveries were handled. Only verified deliveries are marked, so forgeries
// cannot fill it. An implementation must be safe for concurrent use.
type Seen interface {
	// Seen reports whether key was marked and is not forgotten. After an error the inbox responds
	// with 503, so that the provider delivers again.
	Seen(ctx context.Context, key string) (bool, error)
	// Mark remembers key. A day is long enough, since adapters refuse older deliveries. Mark may be
	// called again with the same key.
	Mark(ctx context.Context, key string) error
}

// keyOf names a delivery among those of all clients, in at most 200 printable characters. The
// length of the client's name separates client and key without doubt.
func keyOf(client, key string) string {
	name := strconv.Itoa(len(client)) + ":" + client + "/" + key
	if len(name) <= 200 && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// What a [Memory] holds by default.
const (
	defaultEntries = 100_000
	defaultKeep    = 24 * time.Hour
)

// Memory is a [Seen] in the memory of one process. It is bounded in number and time, and forgets
// the oldest delivery when it is full. Its zero value is that of NewMemory(0, 0). It is safe for
// concurrent use.
type Memory struct {
	maxEntries int           // 0 means defaultEntries
	keep       time.Duration // 0 means defaultKeep

	mu    sync.Mutex
	known map[digest]struct{}
	queue []mark // in the order of marking and forgetting
	head  int    // the oldest
}

type (
	digest [16]byte
	mark   struct {
		key   digest
		until time.Time
	}
)

// NewMemory returns a memory of at most maxEntries deliveries, each kept for the time keep. Zero
// means 100,000 deliveries and a day. A delivery takes about 100 bytes.
func NewMemory(maxEntries int, keep time.Duration) *Memory {
	return &Memory{maxEntries: max(maxEntries, 0), keep: max(keep, 0)}
}

// Seen reports whether key was marked and is not forgotten. It never fails.
func (m *Memory) Seen(_ context.Context, key string) (bool, error) {
	d := digestOf(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(time.Now())
	_, ok := m.known[d]
	return ok, nil
}

// Mark remembers key. It never fails.
func (m *Memory) Mark(_ context.Context, key string) error {
	d := digestOf(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.forget(now)
	if _, ok := m.known[d]; ok {
		return nil
	}
	if len(m.known) == cmp.Or(m.maxEntries, defaultEntries) {
		m.pop()
	}
	if m.known == nil {
		m.known = map[digest]struct{}{}
	}
	m.known[d] = struct{}{}
	m.queue = append(m.queue, mark{d, now.Add(cmp.Or(m.keep, defaultKeep))})
	return nil
}

// forget drops what is too old. The caller has locked mu.
func (m *Memory) forget(now time.Time) {
	for m.head < len(m.queue) && !now.Before(m.queue[m.head].until) {
		m.pop()
	}
}

// pop drops the oldest delivery. The caller has locked mu.
func (m *Memory) pop() {
	delete(m.known, m.queue[m.head].key)
	if m.head++; m.head > len(m.queue)/2 { // free the dropped half of the queue
		m.queue = m.queue[:copy(m.queue, m.queue[m.head:])]
		m.head = 0
	}
}

// digestOf returns the digest under which a key is remembered.
func digestOf(key string) digest {
	sum := sha256.Sum256([]byte(key))
	return digest(sum[:16])
}
