package bankhttp

// This file has the handlers for accounts with balances.

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/isolate"
	"github.com/bankmux/bankmux/internal/share"
)

// accounts is the response of Accounts, ReadAccounts and Answer.
type accounts struct {
	Accounts []accountView `json:"accounts"`
	Unnamed  []newcomer    `json:"unnamed,omitempty"` // accounts that only the user can identify
	Failed   []failure     `json:"failed,omitempty"`
}

// accountView is an account as a browser gets it. It has no id of the provider and no number.
type accountView struct {
	ID         string              `json:"id"`
	Connection string              `json:"connection"`
	Kind       bankmux.AccountKind `json:"kind"`
	Name       string              `json:"name,omitempty"`
	Nickname   string              `json:"nickname,omitempty"`
	Mask       string              `json:"mask,omitempty"`
	Currency   bankmux.Currency    `json:"currency,omitempty"`
	Closed     bool                `json:"closed,omitempty"`
	Ended      bool                `json:"ended,omitempty"`    // the connection was ended; there are no balances
	Balances   []bankmux.Balance   `json:"balances,omitempty"` // absent is not zero
	Due        bankmux.Date        `json:"due,omitzero"`
	ReadAt     time.Time           `json:"read_at,omitzero"` // when the balances were read
}

// failure names what could not be read now.
type failure struct {
	Connection  string                  `json:"connection"`
	Institution bankmux.InstitutionView `json:"institution"`
	Account     string                  `json:"account,omitempty"` // "" if it concerns the whole connection
	Rows        int                     `json:"rows,omitempty"`    // that many transactions alone, 0 for all of it
	Sync        bool                    `json:"sync,omitempty"`    // the last sync could not read it
	Problem     Problem                 `json:"problem"`

	err error // of the whole call, nil if it concerns a part of its result
}

// ofCall reports whether the failure is of a whole call.
func (f failure) ofCall() bool { return f.err != nil }

// failureOf returns one part of a result that could not be read.
func failureOf(conn bankmux.Connection, names map[string]string, f bankmux.Failure) failure {
	return failure{
		Connection: conn.ID, Institution: conn.View().Institution, Account: names[f.Account], Problem: ProblemOf(f),
	}
}

// unread returns what the last sync of a connection could not read. Single rows of one account with
// the same problem are one failure.
func (s *Service) unread(ctx context.Context, conn bankmux.Connection, state bankmux.SyncState) ([]failure, error) {
	if len(state.Failed)+len(state.FailedRows) == 0 {
		return nil, nil
	}
	names, err := s.store.NameAccounts(ctx, conn, nil)
	if err != nil {
		return nil, err
	}
	var all []failure
	for _, f := range state.Failed {
		all = append(all, failureOf(conn, names, f))
	}
	for _, f := range state.FailedRows {
		one := failureOf(conn, names, f)
		i := slices.IndexFunc(all, func(g failure) bool {
			return g.Rows > 0 && g.Account == one.Account && g.Problem.Kind == one.Problem.Kind
		})
		if i < 0 {
			i = len(all)
			all = append(all, one)
		}
		all[i].Rows++
	}
	return all, nil
}

// Accounts handles GET. It returns the accounts of all connections of the user with the last stored
// balances, and asks no bank. An account has no balance if none was read yet. An account whose
// connection was ended has none either; the store may keep it for its transactions. A connection
// that does not open, because its key is lost, is a failure beside the others. So is what the last
// sync could not read. Accounts that only the user can identify are apart, as unnamed: see
// [Service.NameAccount].
//
// The query parameter connection limits it to one connection, also to one that was ended.
func (s *Service) Accounts() http.Handler {
	return s.user(http.MethodGet, "", func(ctx context.Context, r *request) (any, error) {
		only, err := onlyOf(r.http)
		if err != nil {
			return nil, err
		}
		out, err := s.accountsOf(ctx, r.user, only, nil)
		if err == nil && only != "" && len(out.Accounts)+len(out.Failed) == 0 {
			_, err = s.store.Connection(ctx, r.user, only) // it may have no accounts yet
		}
		return out, err
	})
}

// onlyOf returns the query parameter connection, "" if there is none.
func onlyOf(r *http.Request) (string, error) {
	in, err := parametersOf(r, "connection")
	return in.Get("connection"), err
}

// ReadAccounts handles POST. It reads accounts, cards and balances of all connections of the user
// at the banks, side by side, and stores them. Then it returns what [Service.Accounts] returns, and
// the failures. The failure of one bank leaves the others alone, and so does a bank that does not
// respond in time ([bankmux.ErrContextDone]). Its accounts keep the last balances with the time at
// which they were read.
//
// Up to 16 connections of each client are read at a time. If a user has more of them, each gets at
// least its share of the time, such as half of it for up to 32. So connections that hang take no
// time of the others.
//
// The query parameter connection limits it to one connection. It is a POST because a bank may send
// the user a one-time password.
func (s *Service) ReadAccounts() http.Handler {
	return s.user(http.MethodPost, "", func(ctx context.Context, r *request) (any, error) {
		only, err := onlyOf(r.http)
		if err != nil {
			return nil, err
		}
		conns, err := s.connectionsOf(ctx, r.user, only)
		if err != nil {
			return nil, err
		}
		failed, err := s.readAll(ctx, conns)
		if err != nil {
			return nil, err
		}
		return s.accountsOf(ctx, r.user, only, failed)
	})
}

// connectionsOf returns the connections of a user, or the one that was asked for.
func (s *Service) connectionsOf(ctx context.Context, user, only string) ([]bankmux.Connection, error) {
	if only == "" {
		all, err := s.store.Connections(ctx, user)
		if len(unreadableOf(err)) > 0 {
			err = nil // accountsOf names them
		}
		return all, err
	}
	conn, err := s.store.Connection(ctx, user, only)
	return []bankmux.Connection{conn}, err
}

// accountsOf returns the stored accounts of a user with the failures of a reading.
func (s *Service) accountsOf(ctx context.Context, user, only string, failed []failure) (accounts, error) {
	var connections []string
	if only != "" {
		connections = []string{only}
	}
	stored, err := s.store.Accounts(ctx, user, connections...)
	conns, connsErr := s.store.Connections(ctx, user)
	unnamed, unnamedErr := s.unnamed(ctx, user, connections)
	lost, err := s.unreadable(ctx, only, errors.Join(err, connsErr, unnamedErr))
	if err != nil {
		return accounts{}, err
	}
	out := accounts{Accounts: []accountView{}, Unnamed: unnamed, Failed: add(failed, lost...)}
	unopened := unreadableOf(connsErr)
	for i := range stored {
		v := viewOf(&stored[i])
		if !slices.ContainsFunc(conns, func(c bankmux.Connection) bool { return c.ID == v.Connection }) &&
			!slices.Contains(unopened, v.Connection) {
			v.Ended, v.Balances, v.Due, v.ReadAt = true, nil, bankmux.Date{}, time.Time{} // they are not true any more
		}
		out.Accounts = append(out.Accounts, v)
	}
	for _, conn := range conns {
		if only != "" && conn.ID != only {
			continue
		}
		failed, err := s.unsynced(ctx, conn)
		if err != nil {
			return accounts{}, err
		}
		out.Failed = append(out.Failed, failed...)
	}
	return out, nil
}

// unsynced returns what the last sync of a connection could not read, for a list that has more than
// that. A state that does not open is one failure.
func (s *Service) unsynced(ctx context.Context, conn bankmux.Connection) ([]failure, error) {
	state, err := s.store.SyncState(ctx, conn)
	var all []failure
	if err == nil {
		all, err = s.unread(ctx, conn, state)
	}
	if onlySealed(err) {
		s.logUnreadable(ctx, err)
		lost := failureOf(conn, nil, bankmux.Failure{Err: bankmux.ErrorOf(err)})
		lost.Problem = lostStateProblem()
		all, err = []failure{lost}, nil
	}
	for i := range all {
		all[i].Sync = true
	}
	return all, unlessGone(err)
}

// viewOf returns the part of an account that a browser may have.
func viewOf(a *Account) accountView {
	return accountView{
		ID: a.Name, Connection: a.Connection, Kind: a.Account.Kind,
		Name: a.Account.Name, Nickname: a.Account.Nickname, Mask: a.Account.Mask,
		Currency: a.Account.Currency, Closed: a.Account.Closed,
		Balances: slices.Clone(a.Balances), Due: a.Due, ReadAt: a.ReadAt,
	}
}

// maxReads is how many connections of a user are read at a time with one client. So it bounds the
// memory of a request.
const maxReads = 16

// readAll reads connections side by side, so that one which hangs takes no time of the others. Each
// client has slots of its own. If a client has more connections than slots, they share the time.
// The error is one of the store.
func (s *Service) readAll(ctx context.Context, conns []bankmux.Connection) ([]failure, error) {
	var all sync.WaitGroup
	failed, errs := make([][]failure, len(conns)), make([]error, len(conns))
	byClient := map[string][]int{}
	for i := range conns {
		byClient[conns[i].Client] = append(byClient[conns[i].Client], i)
	}
	for _, own := range byClient {
		all.Go(func() {
			slots := make(chan struct{}, maxReads)
			for at, i := range own {
				slots <- struct{}{}
				turns := (len(own) - at + maxReads - 1) / maxReads // of a slot that are left
				all.Go(func() {
					defer func() { <-slots }()
					errs[i] = share.Of(ctx, turns, func(ctx context.Context) (err error) {
						failed[i], err = s.readSafely(ctx, conns[i])
						return err
					})
				})
			}
		})
	}
	all.Wait()
	return slices.Concat(failed...), errors.Join(errs...)
}

// readSafely is readOne for a goroutine of its own, in which net/http recovers no panic. It returns
// no error for a connection that was deleted meanwhile.
func (s *Service) readSafely(ctx context.Context, conn bankmux.Connection) ([]failure, error) {
	return isolate.Of("the reading of a connection", func() ([]failure, error) {
		failed, err := s.readOne(ctx, conn)
		return failed, unlessGone(err)
	})
}

// readOne reads accounts and balances of a connection and stores them.
func (s *Service) readOne(ctx context.Context, conn bankmux.Connection) ([]failure, error) {
	client, err := s.clientFor(conn)
	if err != nil {
		return s.failures(ctx, conn, nil, err)
	}
	conn, err = s.verified(ctx, client, conn)
	if err != nil {
		return s.failures(ctx, conn, nil, err)
	}
	listed, err := ask(ctx, client.Accounts, bankmux.AccountsRequest{Connection: conn})
	return s.afterAccounts(ctx, client, conn, listed, err)
}

// afterAccounts stores a list of accounts, and reads and stores their balances. Then it does the
// same with the cards.
func (s *Service) afterAccounts(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection, listed bankmux.AccountsResult, err error,
) ([]failure, error) {
	failed, err := s.afterList(ctx, client, listed.Accounts,
		bankmux.BalancesRequest{Connection: conn, Known: listed.Accounts}, err)
	if err != nil || slices.ContainsFunc(failed, failure.ofCall) {
		return failed, err
	}
	more, err := s.readCards(ctx, client, conn)
	return append(failed, more...), err
}

// readCards reads the cards of a connection and their balances, and stores them, if the provider
// keeps cards apart from accounts.
func (s *Service) readCards(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
) ([]failure, error) {
	if !client.Has(bankmux.CapCards) {
		return nil, nil
	}
	listed, err := ask(ctx, client.Cards, bankmux.CardsRequest{Connection: conn})
	return s.afterCards(ctx, client, conn, listed, err)
}

// afterCards stores a list of cards, and reads and stores their balances.
func (s *Service) afterCards(
	ctx context.Context, client *bankmux.Client, conn bankmux.Connection, listed bankmux.CardsResult, err error,
) ([]failure, error) {
	if e := bankmux.ErrorOf(err); e != nil && e.Kind == bankmux.ErrUnsupported {
		return nil, nil // a bank without cards
	}
	cards, balances := cardsOf(conn, listed)
	switch {
	case len(cards) == 0 && err == nil:
		return nil, nil
	case len(cards) == 0:
		return s.failures(ctx, conn, nil, err)
	}
	return s.afterList(ctx, client, cards, balances, err)
}

// cardsOf returns cards as accounts, and the request for their balances.
func cardsOf(conn bankmux.Connection, listed bankmux.CardsResult) ([]bankmux.Account, bankmux.BalancesRequest) {
	balances := bankmux.BalancesRequest{Connection: conn}
	cards := make([]bankmux.Account, 0, len(listed.Cards))
	for _, card := range listed.Cards {
		if !slices.Contains(balances.Cards, card.ID) {
			cards, balances.Cards = append(cards, card.Account()), append(balances.Cards, card.ID)
		}
	}
	return cards, balances
}

// afterList stores a list of accounts or of cards, whose reading had an error or none. It reads and
// stores their balances.
func (s *Service) afterList(
	ctx context.Context, client *bankmux.Client, list []bankmux.Account, balances bankmux.BalancesRequest, err error,
) ([]failure, error) {
	conn := balances.Connection
	partial, isPartial := errors.AsType[*bankmux.PartialError](err)
	if err != nil && !isPartial {
		return s.failures(ctx, conn, nil, err)
	}
	names, nameErr := s.store.NameAccounts(ctx, conn, list)
	if nameErr != nil {
		return nil, nameErr
	}
	var failed []failure
	if isPartial {
		if failed, err = s.failures(ctx, conn, names, partial); err != nil {
			return nil, err
		}
	}
	read, err := ask(ctx, client.Balances, balances)
	more, err := s.afterBalances(ctx, conn, names, read, err)
	return append(failed, more...), err
}

// afterBalances stores balances.
func (s *Service) afterBalances(
	ctx context.Context, conn bankmux.Connection, names map[string]string, read bankmux.BalancesResult, err error,
) ([]failure, error) {
	if len(read.Balances) > 0 {
		if saveErr := s.store.SaveBalances(ctx, conn, read.Balances); saveErr != nil {
			return nil, saveErr
		}
	}
	if err == nil {
		return nil, s.note(ctx, conn, nil)
	}
	return s.failures(ctx, conn, names, err)
}

// failures returns what an error of a call on a connection leaves unread, and stores what it shows
// about the connection. The error is one of the store.
func (s *Service) failures(
	ctx context.Context, conn bankmux.Connection, names map[string]string, err error,
) ([]failure, error) {
	if errors.Is(err, KindStore) {
		return nil, err
	}
	if noteErr := s.note(ctx, conn, err); noteErr != nil {
		return nil, noteErr
	}
	partial, ok := errors.AsType[*bankmux.PartialError](err)
	if !ok {
		if e := bankmux.ErrorOf(err); e != nil && e.Challenge != nil {
			err = cmp.Or(s.hasLogin(ctx, conn), err)
		}
		p, storeErr := s.problemOf(ctx, conn.User, err)
		if errors.Is(storeErr, KindStore) {
			return nil, storeErr
		}
		return []failure{{Connection: conn.ID, Institution: conn.View().Institution, Problem: p, err: err}}, nil
	}
	if names == nil {
		var nameErr error
		if names, nameErr = s.store.NameAccounts(ctx, conn, nil); nameErr != nil {
			return nil, unlessDeleted(nameErr)
		}
	}
	var all []failure
	for _, f := range partial.Failed {
		all = append(all, failureOf(conn, names, f))
	}
	return all, nil
}
