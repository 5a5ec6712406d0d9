package soak_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// row is what the application and the bank both know of a transaction.
type row struct {
	account, date, currency string
	minor                   int64
	status                  bankmux.TransactionStatus // "" at Dapi, which has no status
	text                    string
}

func (r *row) is(amount bankmux.Money, err error) error {
	if err == nil {
		r.currency = string(amount.Currency())
		r.minor, err = amount.Minor()
	}
	r.text, _, _ = strings.Cut(strings.ToUpper(r.text), " #") // banks write in capitals and append a number
	return err
}

// event is a row of the bank with the bank's own name of it.
type event struct {
	id string
	row
}

// truth returns what the bank has on the days that the application has read, by the names of the
// accounts.
func (l *life) truth() (all []event) {
	bank, ref := l.world.present(), l.conn().Reference()
	accounts, err := bank.Accounts(ref)
	l.world.must(err)
	currencies := map[string]string{}
	for _, a := range accounts {
		currencies[a.MoneyKitID+a.DapiID+a.PlaidID] = a.Currency
	}
	rows, err := bank.Transactions(ref)
	l.world.must(err)
	for _, t := range rows {
		r := row{account: l.tables.name(t.AccountID), date: t.Date, text: t.Text}
		if since, ok := l.tables.since[r.account]; ok && r.date < since.String() {
			continue // before the first day that the bank served at the time of the first link
		}
		if l.plan.provider != dapi.Name {
			r.status = bankmux.StatusBooked
			if t.Pending {
				r.status = bankmux.StatusPending
			}
		}
		l.world.must(r.is(bankmux.NewMoney(t.Amount, bankmux.Currency(currencies[t.AccountID]))))
		all = append(all, event{t.Event, r})
	}
	return all
}

// stored returns what the application has, as the bank would say it.
func (l *life) stored(k bankmux.Known) row {
	r := row{account: k.Account, date: k.Date.String(), text: k.Text}
	if l.plan.provider != dapi.Name {
		r.status = cmp.Or(k.Status, bankmux.StatusBooked) // a row that was read at Dapi, and is too old for this link
	}
	l.world.must(r.is(k.Amount, nil))
	return r
}

// agree compares the application's rows with the bank's, one by one.
func (l *life) agree() {
	count := map[row]int{}
	truth := l.truth()
	rows := len(truth)
	for _, e := range truth {
		count[e.row]++
	}
	for _, of := range l.tables.rows {
		for _, k := range of {
			r := l.stored(k)
			if since, ok := l.tables.since[r.account]; ok && r.date < since.String() {
				continue // days that the first reading did not prove complete
			}
			count[r]--
		}
	}
	l.world.count("rows compared", l.plan.provider, rows)
	var wrong []string
	for r, n := range count {
		if n != 0 {
			wrong = append(
				wrong,
				fmt.Sprintf(
					"%s %s %d %s %s %q: %+d at the bank",
					r.date,
					r.account,
					r.minor,
					r.currency,
					r.status,
					r.text,
					n,
				),
			)
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		l.complain(
			"%d rows differ of %d, since %v: %s",
			len(wrong),
			rows,
			l.tables.since,
			strings.Join(wrong[:min(6, len(wrong))], "; "),
		)
	}
}

// settle compares the connections that the application knows with those of the bank. It runs when
// the year is over.
func (w *world) settle(lives []*life) {
	at := map[string]virtualbank.LinkState{}
	owner, lost := map[string]*life{}, map[string]string{}
	for _, link := range w.present().Links() {
		at[link.ID] = link
	}
	users := map[string]bool{}
	for _, l := range lives {
		w.count("ends", cmp.Or(l.end, "unknown"), 1)
		if l.end == "" {
			l.complain("the application does not know its end")
		}
		l.calm = true
		for id, why := range l.former {
			owner[id] = l
			if state := at[id].State; (why == "disconnected" && state != "deleted") ||
				(why == "renewed" && state != "error") {
				l.complain("%s is %q at the bank, and was %s", id, state, why)
			}
		}
		maps.Copy(lost, l.lost)
		if l.end == "linked" {
			owner[l.conn().Reference()] = l
			users[l.plan.user] = users[l.plan.user] || l.plan.provider == moneykit.Name
			l.isActive(at)
		}
		for token, n := range l.posts {
			if reached := w.reached[token]; token != "" && reached > n {
				l.complain("an exchange was posted %d times and sent %d times", n, reached)
			}
			w.count("exchanges", "posted", n)
		}
	}
	w.accountFor(at, owner, lost)
	for user, atMoneyKit := range users {
		if atMoneyKit {
			w.sameLinks(lives, user, lost)
		}
	}
	for token, n := range w.done {
		w.count("exchanges", "completed", n)
		if n > 1 {
			w.complain("lane %d: the token %.12s… was exchanged %d times", w.lane, token, n)
		}
	}
	for _, b := range w.guard.Breakers() {
		if b.Institution == "" && b.State != "closed" {
			w.complain("lane %d: the breaker of %s/%s is %s", w.lane, b.Client, b.Group, b.State)
		}
	}
}

// isActive checks with the provider that a linked connection is active.
func (l *life) isActive(at map[string]virtualbank.LinkState) {
	conn := l.conn()
	err := l.call(0, func(ctx context.Context) error {
		res, err := l.client().ConnectionStatus(ctx, bankmux.StatusRequest{Connection: conn})
		if err == nil && res.Connection.Status.State != bankmux.StateActive {
			err = errors.New(string(res.Connection.Status.State))
		}
		return err
	})
	if state := at[conn.Reference()].State; err != nil || state != "connected" {
		l.complain("it is linked, and %q at the bank: %v", state, err)
	}
}

// accountFor checks that the application knows every link of the bank.
func (w *world) accountFor(
	at map[string]virtualbank.LinkState,
	owner map[string]*life,
	lost map[string]string,
) {
	presented, reached := 0, 0
	for _, n := range w.reached {
		reached += n
	}
	w.count("exchanges", "reached the proxy", reached)
	for _, id := range sortedNames(at) {
		link := at[id]
		presented += link.Presented
		w.count("links at the bank", link.Provider+" "+link.State, 1)
		if link.Exchanged > 1 {
			w.complain("lane %d: %s was exchanged %d times", w.lane, id, link.Exchanged)
		}
		if owner[id] != nil || link.State == "awaiting_token_exchange" {
			continue
		}
		why, known := lost[id]
		for _, tag := range link.Tags {
			if w, ok := lost[tag]; ok {
				why, known = w, true
			}
		}
		if !known {
			w.complain(
				"lane %d: the bank has %s, %s and exchanged %d times, and the application does not know it",
				w.lane,
				id,
				link.State,
				link.Exchanged,
			)
			continue
		}
		w.count("links that the application lost", link.Provider+": "+why, 1)
	}
	if presented > reached {
		w.complain("lane %d: the bank counts %d exchanges, the proxy %d", w.lane, presented, reached)
	}
	w.count("exchanges", "completed or refused by the bank", presented)
}

// sameLinks compares what MoneyKit lists of a user with what the application has.
func (w *world) sameLinks(lives []*life, user string, lost map[string]string) {
	client, err := w.registry.Client(moneykit.Name)
	w.must(err)
	ctx := context.Background()
	links, err := moneykit.UserLinks(ctx, client, user)
	w.must(err)
	for _, l := range lives {
		if l.plan.user != user || l.plan.provider != moneykit.Name || l.end != "linked" {
			continue
		}
		if link, ok := links[l.conn().ReferenceKey]; !ok || link.Status.State != bankmux.StateActive {
			l.complain("MoneyKit lists it as %q", link.Status.State)
		}
		delete(links, l.conn().ReferenceKey)
	}
	for id, link := range links {
		known := link.Status.State == bankmux.StatePending
		for _, tag := range link.Tags {
			known = known || lost[tag] != ""
		}
		if !known {
			w.complain(
				"lane %d: MoneyKit lists %s of %s as %q, and the application does not know it",
				w.lane,
				id,
				user,
				link.Status.State,
			)
		}
	}
}
