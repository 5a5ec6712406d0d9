package store

// This file shares the time of a worker among clients and banks.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
)

// job is what a worker does at a time.
type job struct {
	of  jobOf
	run func(context.Context)
}

// jobOf says which client a job uses, and which bank if that is known.
type jobOf struct{ client, bank string }

func jobOfConnection(conn *bankmux.Connection) jobOf {
	bank, _ := bankOf(*conn)
	return jobOf{conn.Client, bank}
}

// slots counts the jobs that run. So a client or a bank that hangs leaves slots for the others.
type slots struct {
	perClient, perBank int

	mu    sync.Mutex
	count map[jobOf]int // by client and bank, and by client alone
	freed chan struct{} // has an element if a job ended since the last wait
}

// newSlots returns slots for so many jobs of each client. One bank has half of them.
func newSlots(parallel int) *slots {
	return &slots{
		perClient: parallel, perBank: (parallel + 1) / 2,
		count: map[jobOf]int{}, freed: make(chan struct{}, 1),
	}
}

// add counts a job that starts or ends.
func (s *slots) add(of jobOf, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []jobOf{of, {client: of.client}} {
		if s.count[key] += n; s.count[key] == 0 {
			delete(s.count, key)
		}
		if of.bank == "" {
			break
		}
	}
}

// end counts a job that ended.
func (s *slots) end(of jobOf) {
	s.add(of, -1)
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// full returns the clients and banks that have no slot left.
func (s *slots) full() (all []jobOf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, n := range s.count {
		if n >= s.perClient || of.bank != "" && n >= s.perBank {
			all = append(all, of)
		}
	}
	return all
}

// wait waits for d, or until a job ends if one of full has waited for that.
func (s *slots) wait(ctx context.Context, d time.Duration, full []jobOf) {
	freed := s.freed
	if len(full) == 0 {
		freed = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-freed:
	case <-timer.C:
	}
}

// isOfBank is a condition for rows of a table, with the places of a client and a bank.
type isOfBank string

const (
	connectionOfBank isOfBank = "client = %s AND bank = %s"
	eventOfBank      isOfBank = "EXISTS (SELECT 1 FROM bankmux_connections c WHERE c.client = bankmux_events.client" +
		" AND c.reference_key = bankmux_events.reference_key AND c.client = %s AND c.bank = %s)"
)

// without returns a condition that leaves out rows of the given clients and banks. It adds its
// arguments to args.
func (is isOfBank) without(full []jobOf, args *[]any) string {
	place := func(text string) string {
		*args = append(*args, plainText(text))
		return "$" + strconv.Itoa(len(*args))
	}
	var all strings.Builder
	for _, of := range full {
		if of.bank == "" {
			all.WriteString(" AND client <> " + place(of.client))
		} else {
			all.WriteString(" AND NOT (" + fmt.Sprintf(string(is), place(of.client), place(of.bank)) + ")")
		}
	}
	return all.String()
}
