package dapi

import (
	"context"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// today is the last day a transaction can have, at the connection's bank. Where its country is not
// known it is the day in Dubai, the easternmost place that Dapi serves.
func (a *adapter) today(conn bankmux.Connection) bankmux.Date {
	at := a.clock()
	day, ok := normalize.BankDay(conn.Institution.Country, at)
	if !ok {
		day, _ = normalize.BankDay("AE", at)
	}
	return day
}

// ranges remembers how many days banks serve: it is about the bank, and asking costs a call. The
// zero value is ready.
type ranges struct {
	mu    sync.Mutex
	known map[string]rangeOf
}

type rangeOf struct {
	days  int
	until time.Time
}

const (
	rangeTTL  = time.Hour
	maxRanges = 1000
)

func (r *ranges) get(bank string, now time.Time) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.known[bank]
	return known.days, ok && now.Before(known.until)
}

func (r *ranges) set(bank string, days int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= maxRanges {
		r.known = map[string]rangeOf{}
	}
	r.known[bank] = rangeOf{days, now.Add(rangeTTL)}
}

func (r *ranges) forget(bank string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, bank)
}

// bankOf names the bank of a connection, or the connection where that is not known.
func bankOf(conn bankmux.Connection) string {
	if conn.Institution.ID != "" {
		return conn.Institution.ID
	}
	return conn.Reference()
}

// days is how many days back the connection's bank serves transactions, 0 where it does not say.
func (a *adapter) days(ctx context.Context, conn bankmux.Connection) (int, error) {
	bank := bankOf(conn)
	if days, ok := a.ranges.get(bank, a.now()); ok {
		return days, nil
	}
	to, err := allowed(conn)
	if err != nil {
		return 0, err
	}
	answer, err := a.api.metadata(ctx, to)
	if err != nil {
		return 0, err
	}
	served := answer.Metadata.TransactionRange
	days, _ := model.Days(served.Value.Value, served.Unit)
	a.ranges.set(bank, days, a.now())
	return days, nil
}
