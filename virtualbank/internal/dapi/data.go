package dapi

// This file serves accounts, balances, cards, owners and transactions.

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// accountID returns Dapi's id of an account. It is the same for all connections of a user.
func (conn *connection) accountID(a *bank.Account) string {
	return conn.bank.Name88(conn.bankID, conn.book.Username, a.Key)
}

type account struct {
	ID        string      `json:"id"`
	Name      *string     `json:"name"`
	Number    *string     `json:"number"`
	IBAN      *string     `json:"iban"`
	Type      string      `json:"type"`
	Currency  codeAndName `json:"currency"`
	Favourite *bool       `json:"isFavourite"`
	Balance   *balance    `json:"balance,omitempty"`
}

type balance struct {
	Amount   json.RawMessage `json:"amount"`
	Currency codeAndName     `json:"currency"`
	Number   string          `json:"accountNumber"`
}

type cardBalance struct {
	Number      string          `json:"cardNumber"`
	Available   json.RawMessage `json:"availableBalance"`
	Outstanding json.RawMessage `json:"outstandingBalance"`
	Due         json.RawMessage `json:"amountDue"`
	DueDate     *string         `json:"dueDate"`
	Currency    codeAndName     `json:"currency"`
}

type card struct {
	ID       string          `json:"id"`
	Name     *string         `json:"name"`
	Number   *string         `json:"cardNumber"`
	Type     string          `json:"type"`
	Status   string          `json:"status"`
	Limit    json.RawMessage `json:"creditLimit"`
	Expires  *string         `json:"expiryDate"`
	Currency codeAndName     `json:"currency"`
}

type transaction struct {
	Amount      json.RawMessage `json:"amount"`
	Date        string          `json:"date"`
	Type        string          `json:"type"`
	Description *string         `json:"description"`
	Details     *string         `json:"details"`
	Currency    codeAndName     `json:"currency"`
	Before      json.RawMessage `json:"beforeAmount"`
	After       json.RawMessage `json:"afterAmount"`
	Reference   *string         `json:"reference"`
	Category    *string         `json:"category,omitempty"`
	Brand       *brand          `json:"brandDetails,omitempty"`
}

type brand struct {
	Name string  `json:"name"`
	Logo *string `json:"logo"`
}

// dataReply is a successful response: the envelope and one payload under its name.
type dataReply struct {
	envelope
	Accounts     []account     `json:"accounts,omitempty"`
	Balance      any           `json:"balance,omitempty"`
	Cards        []card        `json:"cards,omitempty"`
	Identity     any           `json:"identity,omitempty"`
	Transactions []transaction `json:"transactions,omitempty"`
	payload      string
}

// MarshalJSON writes an empty list as [] instead of leaving it out.
func (d dataReply) MarshalJSON() ([]byte, error) {
	type plain dataReply
	raw, err := json.Marshal(plain(d))
	if err != nil || d.payload == "" || strings.Contains(string(raw), `"`+d.payload+`":`) {
		return raw, err
	}
	return append(raw[:len(raw)-1], `,"`+d.payload+`":[]}`...), nil
}

// currency returns the currency of an account.
func (conn *connection) currency(a *bank.Account) codeAndName {
	code, name := bank.CurrencyOf(conn.institution.Country)
	if a.Currency != code {
		return codeAndName{a.Currency, a.Currency}
	}
	return codeAndName{code, name}
}

// accountOf returns an account as Dapi writes it.
func (b *Provider) accountOf(conn *connection, a *bank.Account, withBalance bool) account {
	iban := conn.institution.Country + "07" + "0331015" + a.Number
	out := account{
		ID:       conn.accountID(a),
		Name:     &a.Name,
		Number:   &a.Number,
		IBAN:     &iban,
		Type:     a.Kind.Dapi,
		Currency: conn.currency(a),
	}
	if a.Key == "savings" {
		out.IBAN = nil // some institutions have it for some accounts only
	}
	if withBalance {
		out.Balance = b.balanceOf(conn, a)
	}
	return out
}

// balanceOf returns the balance of an account. For a debt it is what is owed.
func (b *Provider) balanceOf(conn *connection, a *bank.Account) *balance {
	booked, _ := conn.book.State(a, b.Now())
	if a.Kind.Debt {
		booked = -booked
	}
	out := &balance{Amount: bank.Number(booked, a.Currency), Currency: conn.currency(a), Number: a.Number}
	if s := a.Balances; s != nil {
		out.Amount = bank.RawOrNull(s.Current)
		if s.NoCurrency {
			out.Currency = codeAndName{}
		}
	}
	return out
}

// serveAccounts serves the accounts. If complete is set, they have balances.
func (b *Provider) serveAccounts(complete bool) func(*bank.Call) bank.Reply {
	return func(c *bank.Call) bank.Reply {
		return b.serveData(c, func(conn *connection, _ callBody) bank.Reply {
			list := []account{}
			for _, a := range conn.book.Accounts {
				if !a.Kind.Card {
					list = append(list, b.accountOf(conn, a, complete))
				}
			}
			out := dataReply{envelope: done(), Accounts: list, payload: "accounts"}
			return bank.Reply{Status: http.StatusOK, Body: out}
		})
	}
}

// done returns the envelope of a success.
func done() envelope { return envelope{Success: true, Status: statusDone} }

// pick returns the account or card that a body names. If ok is false, it returns the refusal. For
// transactions the bank accepts a card's id as accountID too, because Dapi's PHP SDK sends it so.
func pick(conn *connection, in callBody) (*bank.Account, bank.Reply, bool) {
	id, card := in.AccountID, false
	if id == "" {
		id, card = in.CardID, true
	}
	if id == "" {
		return nil, fail(
			http.StatusBadRequest,
			typeInvalidArgs,
			"Field 'accountID' failed validation: empty value",
		), false
	}
	for _, a := range conn.book.Accounts {
		if conn.accountID(a) == id && (a.Kind.Card == card || in.either) {
			return a, bank.Reply{}, true
		}
	}
	if card {
		return nil, fail(http.StatusNotFound, "INVALID_CARD_ID", "no such card"), false
	}
	return nil, fail(http.StatusNotFound, "INVALID_ACCOUNT_ID", "no such account"), false
}

// serveBalance serves the balance of an account or a card.
func (b *Provider) serveBalance(c *bank.Call) bank.Reply {
	return b.serveData(c, func(conn *connection, in callBody) bank.Reply {
		a, refusal, ok := pick(conn, in)
		if !ok {
			return refusal
		}
		if !a.Kind.Card {
			return bank.Reply{Status: http.StatusOK, Body: dataReply{envelope: done(), Balance: b.balanceOf(conn, a)}}
		}
		booked, held := conn.book.State(a, b.Now())
		due := (bank.DayOf(b.Now()) + 12).String()
		out := cardBalance{
			Number:      "XXXX-" + a.Mask,
			Available:   bank.Number(a.Limit+booked+held, a.Currency),
			Outstanding: bank.Number(-booked, a.Currency),
			Due:         bank.Number(max(-booked, 0)/10, a.Currency),
			DueDate:     &due,
			Currency:    conn.currency(a),
		}
		if s := a.Balances; s != nil {
			out.Available, out.Outstanding = bank.RawOrNull(s.Available), bank.RawOrNull(s.Current)
			out.Due, out.DueDate = nil, nil
		}
		return bank.Reply{Status: http.StatusOK, Body: dataReply{envelope: done(), Balance: out}}
	})
}

// serveCards serves the cards.
func (b *Provider) serveCards(c *bank.Call) bank.Reply {
	return b.serveData(c, func(conn *connection, _ callBody) bank.Reply {
		list := []card{}
		for _, a := range conn.book.Accounts {
			if a.Kind.Card {
				number4, expires := "XXXX-"+a.Mask, "2028-03-31T00:00:00+00:00"
				list = append(
					list,
					card{
						conn.accountID(a),
						&a.Name,
						&number4,
						"credit",
						"active",
						bank.Number(a.Limit, a.Currency),
						&expires,
						conn.currency(a),
					},
				)
			}
		}
		return bank.Reply{Status: http.StatusOK, Body: dataReply{envelope: done(), Cards: list, payload: "cards"}}
	})
}

// serveIdentity serves the owner of the accounts.
func (b *Provider) serveIdentity(c *bank.Call) bank.Reply {
	return b.serveData(c, func(conn *connection, _ callBody) bank.Reply {
		h := conn.book.Holder
		return bank.Reply{Status: http.StatusOK, Body: dataReply{envelope: done(), Identity: map[string]any{
			"name":         h.Name,
			"nationality":  bank.CountryName(conn.institution.Country),
			"dateOfBirth":  h.Born,
			"emailAddress": h.Email,
			"numbers":      []map[string]string{{"type": "mobile", "value": h.Phone}},
			"address": map[string]any{
				"flat": nil, "building": nil, "full": h.Street + ", " + h.City, "area": nil, "poBox": nil,
				"city": h.City, "state": nil, "country": bank.CountryName(conn.institution.Country),
			},
			"identification": []map[string]string{{"type": "passport", "value": h.Document}},
		}}}
	})
}

// serveTransactions serves one of the three lists of transactions. cards is set if the list serves
// cards. extra adds the category and the brand.
func (b *Provider) serveTransactions(cards bool, extra func(*transaction, string)) func(*bank.Call) bank.Reply {
	return func(c *bank.Call) bank.Reply {
		return b.serveData(c, func(conn *connection, in callBody) bank.Reply {
			if !cards {
				in.CardID = ""
			}
			in.either = cards
			a, refusal, ok := pick(conn, in)
			if !ok {
				return refusal
			}
			from, to, refusal, ok := b.daysOf(conn, in)
			if !ok {
				return refusal
			}
			staged := conn.situation(b.Now())
			list := []transaction{}
			for i, r := range conn.book.Rows(a, b.Now(), 0) {
				if (staged != bank.DaysIgnored && (r.Date < from || r.Date > to)) || leavesOut(staged, i) {
					continue
				}
				t := conn.transaction(a, r)
				if extra != nil {
					extra(&t, r.Event.Text)
				}
				list = append(list, t)
			}
			return bank.Reply{
				Status: http.StatusOK,
				Body:   dataReply{envelope: done(), Transactions: list, payload: "transactions"},
			}
		})
	}
}

// daysOf returns the days that a body asks for, limited to those that the institution serves. If ok
// is false, it returns the refusal.
func (b *Provider) daysOf(conn *connection, in callBody) (from, to bank.Day, refusal bank.Reply, ok bool) {
	from, ok1 := bank.ParseDay(in.FromDate)
	to, ok2 := bank.ParseDay(in.ToDate)
	today, days := bank.DayOf(b.Now()), bank.Day(b.DaysServed(conn.institution))
	own, staged := conn.institution.Today(b.Now()), conn.situation(b.Now())
	switch {
	case in.FromDate == "" || in.ToDate == "":
		return 0, 0, fail(http.StatusUnprocessableEntity, typeMissing, "fromDate and toDate are required"), false
	case !ok1 || !ok2 || to < from:
		return 0, 0, fail(http.StatusBadRequest, typeParameter, "fromDate or toDate is wrong"), false
	case from <= own-days || to > max(own, today)+1, // a client's clock may be ahead
		staged == bank.DaysRefused && from <= own-grantedDays,
		staged == bank.TodayRefused && to > today:
		return 0, 0, fail(http.StatusBadRequest, "INVALID_DATE_RANGE", "the bank does not serve these days"), false
	}
	if fewer := b.Unannounced[conn.institution.Name]; fewer > 0 {
		from = max(from, today-bank.Day(fewer)+1)
	}
	if to >= own {
		to = max(to, today) // include today in UTC, in which rows are dated
	}
	return from, to, bank.Reply{}, true
}

// situation returns the staged situation of the transactions, or "".
func (conn *connection) situation(now time.Time) string {
	if now.Before(conn.stagedUntil) {
		return conn.staged
	}
	return ""
}

// leavesOut reports whether a situation leaves out the i-th row of an account.
func leavesOut(situation string, i int) bool {
	return situation == bank.EmptyResponse || (situation == bank.ShortResponse && i%3 == 2)
}

// transaction returns a row as Dapi writes it.
func (conn *connection) transaction(a *bank.Account, r bank.Row) transaction {
	t := transaction{
		Amount: bank.Number(
			bank.Abs(r.Amount),
			a.Currency,
		),
		Date:        conn.book.Written(r).String() + "T00:00:00.000Z",
		Type:        "credit",
		Description: conn.book.RawText(r.Event, conn.bank.Now()),
		Currency:    conn.currency(a),
	}
	if r.Event.Ref != "" {
		t.Reference = &r.Event.Ref // larger amounts have a reference
	}
	if r.Amount < 0 {
		t.Type = "debit"
	}
	if a.Kind.Card {
		details := "CARD " + a.Mask
		t.Details = &details
	}
	if s := r.Spec; s != nil {
		t.Amount, t.Type = bank.RawOrNull(s.Amount), s.Type
		if s.Currency != "" {
			t.Currency = codeAndName{s.Currency, s.Currency}
		}
		if s.NoCurrency {
			t.Currency = codeAndName{}
		}
		if s.Date != "" {
			t.Date = s.Date
		}
	}
	return t
}

// categorized adds the category.
func categorized(t *transaction, text string) {
	if category, _, ok := bank.CategoryOf(text); ok {
		t.Category = &category
	}
}

// enriched adds the category and the brand.
func enriched(t *transaction, text string) {
	categorized(t, text)
	if t.Category != nil {
		t.Brand = &brand{Name: text}
	}
}
