package bankhttp

// This file has a Store in memory: sessions, exchanges and connections.

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
)

// Memory is a [Store] for tests and trials in one process. It loses everything when the process
// ends, and encrypts nothing. So it is not for production: see package store. Make one with
// [NewMemory]. It is safe for concurrent use. A method whose context is done returns its error.
type Memory struct {
	*inbox.Memory

	keeper *bankmux.MemoryKeeper
	ledger *bankmux.MemoryLedger

	naming     sync.Mutex // naming accounts and deleting connections take turns
	mu         sync.Mutex
	sessions   []bankmux.Session // in the order in which they were made
	exchanges  map[exchangeKey]*exchange
	refs       []bankmux.Ref // of the connections, in the order in which they were made
	challenges map[string]openChallenge
	events     []bankmux.Event
	books      []*book
	unnamed    []*unnamedAccount
	endedLinks map[bankmux.SessionRef]bool // sessions that were deleted with their user
	suggested  map[rowKey][]string         // by the new row, the keys of those that it perhaps replaces
}

// rowKey names a row.
type rowKey struct{ account, key string }

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		Memory: inbox.NewMemory(0, 0), keeper: bankmux.NewMemoryKeeper(), ledger: bankmux.NewMemoryLedger(),
		exchanges: map[exchangeKey]*exchange{}, challenges: map[string]openChallenge{},
		endedLinks: map[bankmux.SessionRef]bool{}, suggested: map[rowKey][]string{},
	}
}

// exchangeKey names what was posted.
type exchangeKey struct {
	ref     bankmux.SessionRef
	payload [sha256.Size]byte
}

// exchange is one that runs or has linked.
type exchange struct {
	done chan struct{}

	// These are valid once done is closed.
	refs   []bankmux.Ref     // of the connections, with those of earlier runs
	failed []bankmux.Failure // what a further run may link
}

// over reports whether the exchange has ended.
func (one *exchange) over() bool {
	select {
	case <-one.done:
		return true
	default:
		return false
	}
}

// again returns the exchange to run after one that has ended with failures, nil if there is none.
func (one *exchange) again() *exchange {
	if !one.over() || len(one.failed) == 0 {
		return nil
	}
	return &exchange{done: make(chan struct{}), refs: slices.Clone(one.refs), failed: one.failed}
}

// openChallenge is a challenge that waits for answers.
type openChallenge struct {
	user   string
	ch     bankmux.Challenge
	closed bool // it stays until it expires
}

// SaveSession is that of [Sessions]. It forgets sessions that have expired.
func (m *Memory) SaveSession(ctx context.Context, session bankmux.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.sessions = slices.DeleteFunc(m.sessions, func(s bankmux.Session) bool {
		return s.ID == session.ID || now.After(s.ExpiresAt)
	})
	m.sessions = append(m.sessions, session)
	return nil
}

// Session is that of [Sessions].
func (m *Memory) Session(ctx context.Context, ref bankmux.SessionRef) (bankmux.Session, error) {
	return m.findSession(ctx, func(s *bankmux.Session) bool { return s.Ref() == ref })
}

// FindSession is that of [Sessions].
func (m *Memory) FindSession(ctx context.Context, id string) (bankmux.Session, error) {
	return m.findSession(ctx, func(s *bankmux.Session) bool { return s.ID == id })
}

func (m *Memory) findSession(ctx context.Context, is func(*bankmux.Session) bool) (bankmux.Session, error) {
	if err := ctx.Err(); err != nil {
		return bankmux.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.sessions {
		switch s := &m.sessions[i]; {
		case !is(s):
		case !time.Now().Before(s.ExpiresAt):
			return bankmux.Session{}, bankmux.ErrTokenSpent
		default:
			return *s, nil
		}
	}
	return bankmux.Session{}, bankmux.ErrNotFound
}

// Sessions is that of [Sessions].
func (m *Memory) Sessions(ctx context.Context, user string) ([]bankmux.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []bankmux.Session
	now := time.Now()
	for i := len(m.sessions) - 1; i >= 0; i-- {
		if s := &m.sessions[i]; s.User == user && now.Before(s.ExpiresAt) {
			all = append(all, *s)
		}
	}
	return all, nil
}

// Exchange is that of [Exchanges]. It remembers results as long as the process runs.
func (m *Memory) Exchange(
	ctx context.Context, ref bankmux.SessionRef, payload []byte,
	run func(ctx context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	if err := ctx.Err(); err != nil {
		return bankmux.ExchangeResult{}, err
	}
	key := keyOf(ref, payload)
	for {
		m.mu.Lock()
		one := m.exchanges[key]
		var mine *exchange
		if one == nil {
			mine = &exchange{done: make(chan struct{})}
		} else {
			mine = one.again()
		}
		if mine != nil {
			m.exchanges[key] = mine
		}
		m.mu.Unlock()
		if mine != nil {
			return m.run(ctx, key, mine, run)
		}
		select {
		case <-one.done:
		case <-ctx.Done():
			err := ctx.Err()
			if errors.Is(err, context.DeadlineExceeded) {
				err = bankmux.ErrNotReady // another post works on it
			}
			return bankmux.ExchangeResult{}, err
		}
		if len(one.refs) > 0 {
			return m.resultOf(one)
		}
	}
}

// HoldExchange is that of [Exchanges]. It does nothing and returns 0.
func (*Memory) HoldExchange(context.Context, bankmux.SessionRef, []byte) (time.Duration, error) {
	return 0, nil
}

// run makes an exchange and stores its connections.
func (m *Memory) run(
	ctx context.Context, key exchangeKey, one *exchange,
	run func(ctx context.Context) (bankmux.ExchangeResult, error),
) (bankmux.ExchangeResult, error) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(one.refs) == 0 {
			delete(m.exchanges, key)
		}
		close(one.done)
	}()
	res, err := run(ctx)
	if err != nil {
		return m.afterError(one, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.endedLinks[key.ref] {
		one.refs = nil
		return bankmux.ExchangeResult{}, bankmux.ErrNotFound
	}
	for _, conn := range res.All() {
		m.keeper.Put(conn)
		if !slices.Contains(one.refs, conn.Ref()) {
			one.refs = append(one.refs, conn.Ref())
		}
		if !slices.Contains(m.refs, conn.Ref()) {
			m.refs = append(m.refs, conn.Ref())
		}
		m.closeChallenges(conn)
	}
	one.failed = res.Failed
	all, err := m.resultOf(one)
	all.Spent = res.Spent
	return all, err
}

// afterError returns what earlier runs have linked, and otherwise the error of the last one.
func (m *Memory) afterError(one *exchange, err error) (bankmux.ExchangeResult, error) {
	none := bankmux.ExchangeResult{}
	if len(one.refs) == 0 {
		return none, err
	}
	if e := bankmux.ErrorOf(err); e != nil && !e.NotSent {
		one.failed = slices.Clone(one.failed)
		for i := range one.failed {
			one.failed[i].Err = e
		}
	}
	res, gone := m.resultOf(one)
	if gone != nil {
		return none, err
	}
	return res, nil
}

// resultOf returns the connections of an exchange as they are stored now.
func (m *Memory) resultOf(one *exchange) (bankmux.ExchangeResult, error) {
	var all []bankmux.Connection
	for _, ref := range one.refs {
		if conn, ok := m.keeper.Get(ref); ok { // or it was deleted since
			all = append(all, conn)
		}
	}
	if len(all) == 0 {
		return bankmux.ExchangeResult{}, bankmux.ErrTokenSpent
	}
	return bankmux.ExchangeResult{Connection: all[0], More: all[1:], Failed: one.failed}, nil
}

// Connection is that of [Connections].
func (m *Memory) Connection(ctx context.Context, user, id string) (bankmux.Connection, error) {
	if err := ctx.Err(); err != nil {
		return bankmux.Connection{}, err
	}
	for _, conn := range m.stored() {
		if conn.User == user && conn.ID == id {
			return conn, nil
		}
	}
	return bankmux.Connection{}, bankmux.ErrNotFound
}

// Connections is that of [Connections].
func (m *Memory) Connections(ctx context.Context, user string) ([]bankmux.Connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(m.stored(), func(c bankmux.Connection) bool { return c.User != user }), nil
}

// FindConnection returns the connection that an event names by its Client and ReferenceKey.
func (m *Memory) FindConnection(ctx context.Context, client, referenceKey string) (bankmux.Connection, error) {
	if err := ctx.Err(); err != nil {
		return bankmux.Connection{}, err
	}
	for _, conn := range m.stored() {
		if conn.Client == client && conn.ReferenceKey == referenceKey {
			return conn, nil
		}
	}
	return bankmux.Connection{}, bankmux.ErrNotFound
}

// stored returns all connections.
func (m *Memory) stored() []bankmux.Connection {
	m.mu.Lock()
	refs := slices.Clone(m.refs)
	m.mu.Unlock()
	var all []bankmux.Connection
	for _, ref := range refs {
		if conn, ok := m.keeper.Get(ref); ok {
			all = append(all, conn)
		}
	}
	return all
}

// Update is [bankmux.Keeper.Update].
func (m *Memory) Update(ctx context.Context, conn bankmux.Connection, change bankmux.ConnectionChange) error {
	if err := m.has(ctx, conn); err != nil {
		return err
	}
	return m.keeper.Update(ctx, conn, change)
}

// has returns an error if ctx is done, or if a connection is not stored.
func (m *Memory) has(ctx context.Context, conn bankmux.Connection) error {
	if _, ok := m.keeper.Get(conn.Ref()); !ok && ctx.Err() == nil {
		return bankmux.ErrGone
	}
	return ctx.Err()
}

// DeleteConnection is that of [Connections]. It deletes the accounts of the connection with their
// rows, unless another connection has them too.
func (m *Memory) DeleteConnection(ctx context.Context, user, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.naming.Lock() // an account that is being named has its connection until it is stored
	defer m.naming.Unlock()
	conn, err := m.Connection(ctx, user, id)
	if err != nil {
		return nil // it is gone already
	}
	m.keeper.Delete(conn.Ref())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refs = slices.DeleteFunc(m.refs, func(ref bankmux.Ref) bool { return ref == conn.Ref() })
	m.events = slices.DeleteFunc(m.events, func(e bankmux.Event) bool {
		return e.Client == conn.Client && e.ReferenceKey == conn.ReferenceKey
	})
	for key, open := range m.challenges {
		if open.ch.Connection == id {
			delete(m.challenges, key)
		}
	}
	m.unnamed = slices.DeleteFunc(m.unnamed, func(u *unnamedAccount) bool { return u.ref == conn.Ref() })
	m.ledger.Delete(conn)
	for _, b := range m.books { // another connection may list the same accounts
		for _, ref := range m.refs {
			if b.connection == conn.Ref() && m.lists(ref, b) {
				b.connection = ref
			}
		}
	}
	return nil
}
