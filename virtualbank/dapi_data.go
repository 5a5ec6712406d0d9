package virtualbank

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// accountID is the account's id at Dapi, the same for every connection of the same user.
func (conn *connection) accountID(a *account) string {
	return conn.bank.name88(conn.bankID, conn.book.username, a.key)
}

type dpAccount struct {
	ID        string      `json:"id"`
	Name      *string     `json:"name"`
	Number    *string     `json:"number"`
	IBAN      *string     `json:"iban"`
	Type      string      `json:"type"`
	Currency  codeAndName `json:"currency"`
	Favourite *bool       `json:"isFavourite"`
	Balance   *dpBalance  `json:"balance,omitempty"`
}

type dpBalance struct {
	Amount   json.RawMessage `json:"amount"`
	Currency codeAndName     `json:"currency"`
	Number   string          `json:"accountNumber"`
}

type dpCardBalance struct {
	Number      string          `json:"cardNumber"`
	Available   json.RawMessage `json:"availableBalance"`
	Outstanding json.RawMessage `json:"outstandingBalance"`
	Due         json.RawMessage `json:"amountDue"`
	DueDate     *string         `json:"dueDate"`
	Currency    codeAndName     `json:"currency"`
}

type dpCard struct {
	ID       string          `json:"id"`
	Name     *string         `json:"name"`
	Number   *string         `json:"cardNumber"`
	Type     string          `json:"type"`
	Status   string          `json:"status"`
	Limit    json.RawMessage `json:"creditLimit"`
	Expires  *string         `json:"expiryDate"`
	Currency codeAndName     `json:"currency"`
}

type dpTransaction struct {
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
	Brand       *dpBrand        `json:"brandDetails,omitempty"`
}

type dpBrand struct {
	Name string  `json:"name"`
	Logo *string `json:"logo"`
}

// dpDone is a successful answer: the envelope and one payload under its name.
type dpDone struct {
	envelope
	Accounts     []dpAccount     `json:"accounts,omitempty"`
	Balance      any             `json:"balance,omitempty"`
	Cards        []dpCard        `json:"cards,omitempty"`
	Identity     any             `json:"identity,omitempty"`
	Transactions []dpTransaction `json:"transactions,omitempty"`
	payload      string
}

// MarshalJSON keeps an empty payload where it belongs.
func (d dpDone) MarshalJSON() ([]byte, error) {
	type plain dpDone
	raw, err := json.Marshal(plain(d))
	if err != nil || d.payload == "" || strings.Contains(string(raw), `"`+d.payload+`":`) {
		return raw, err
	}
	return append(raw[:len(raw)-1], `,"`+d.payload+`":[]}`...), nil
}

func (conn *connection) currency(a *account) codeAndName {
	code, name := currencyOf(conn.institution.Country)
	if a.currency != code {
		return codeAndName{a.currency, a.currency}
	}
	return codeAndName{code, name}
}

func (b *dpProvider) dpAccountOf(conn *connection, a *account, withBalance bool) dpAccount {
	iban := conn.institution.Country + "07" + "0331015" + a.number
	out := dpAccount{
		ID:       conn.accountID(a),
		Name:     &a.name,
		Number:   &a.number,
		IBAN:     &iban,
		Type:     a.kind.dapi,
		Currency: conn.currency(a),
	}
	if a.key == "savings" {
		out.IBAN = nil // some banks tell it of some accounts only
	}
	if withBalance {
		out.Balance = b.dpBalanceOf(conn, a)
	}
	return out
}

func (b *dpProvider) dpBalanceOf(conn *connection, a *account) *dpBalance {
	booked, _ := conn.book.state(a, b.Now())
	if a.kind.debt {
		booked = -booked
	}
	out := &dpBalance{Amount: number(booked, a.currency), Currency: conn.currency(a), Number: a.number}
	if s := a.balances; s != nil {
		out.Amount = maybe(s.Current)
		if s.NoCurrency {
			out.Currency = codeAndName{}
		}
	}
	return out
}

// dpAccounts serves the accounts, with their balances for completeAccounts.
func (b *dpProvider) dpAccounts(complete bool) func(*call) reply {
	return func(c *call) reply {
		return b.dpData(c, func(conn *connection, _ dpBody) reply {
			list := []dpAccount{}
			for _, a := range conn.book.accounts {
				if !a.kind.card {
					list = append(list, b.dpAccountOf(conn, a, complete))
				}
			}
			return reply{status: http.StatusOK, body: dpDone{envelope: done(), Accounts: list, payload: "accounts"}}
		})
	}
}

func done() envelope { return envelope{Success: true, Status: statusDone} }

// dpPick finds the account or card that a body names; ok is false for the refusal of a wrong one.
// For transactions Dapi's PHP SDK sends a card's id as accountID, so there the bank takes either.
func dpPick(conn *connection, in dpBody) (*account, reply, bool) {
	id, card := in.AccountID, false
	if id == "" {
		id, card = in.CardID, true
	}
	if id == "" {
		return nil, dpFail(
			http.StatusBadRequest,
			dpInvalidArgs,
			"Field 'accountID' failed validation: empty value",
		), false
	}
	for _, a := range conn.book.accounts {
		if conn.accountID(a) == id && (a.kind.card == card || in.either) {
			return a, reply{}, true
		}
	}
	if card {
		return nil, dpFail(http.StatusNotFound, "INVALID_CARD_ID", "no such card"), false
	}
	return nil, dpFail(http.StatusNotFound, "INVALID_ACCOUNT_ID", "no such account"), false
}

func (b *dpProvider) dpBalance(c *call) reply {
	return b.dpData(c, func(conn *connection, in dpBody) reply {
		a, refusal, ok := dpPick(conn, in)
		if !ok {
			return refusal
		}
		if !a.kind.card {
			return reply{status: http.StatusOK, body: dpDone{envelope: done(), Balance: b.dpBalanceOf(conn, a)}}
		}
		booked, held := conn.book.state(a, b.Now())
		due := (dayOf(b.Now()) + 12).String()
		out := dpCardBalance{
			Number:      "XXXX-" + a.mask,
			Available:   number(a.limit+booked+held, a.currency),
			Outstanding: number(-booked, a.currency),
			Due:         number(max(-booked, 0)/10, a.currency),
			DueDate:     &due,
			Currency:    conn.currency(a),
		}
		if s := a.balances; s != nil {
			out.Available, out.Outstanding, out.Due, out.DueDate = maybe(s.Available), maybe(s.Current), nil, nil
		}
		return reply{status: http.StatusOK, body: dpDone{envelope: done(), Balance: out}}
	})
}

func (b *dpProvider) dpCards(c *call) reply {
	return b.dpData(c, func(conn *connection, _ dpBody) reply {
		list := []dpCard{}
		for _, a := range conn.book.accounts {
			if a.kind.card {
				number4, expires := "XXXX-"+a.mask, "2028-03-31T00:00:00+00:00"
				list = append(
					list,
					dpCard{
						conn.accountID(a),
						&a.name,
						&number4,
						"credit",
						"active",
						number(a.limit, a.currency),
						&expires,
						conn.currency(a),
					},
				)
			}
		}
		return reply{status: http.StatusOK, body: dpDone{envelope: done(), Cards: list, payload: "cards"}}
	})
}

func (b *dpProvider) dpIdentity(c *call) reply {
	return b.dpData(c, func(conn *connection, _ dpBody) reply {
		h := conn.book.holder
		return reply{status: http.StatusOK, body: dpDone{envelope: done(), Identity: map[string]any{
			"name":         h.name,
			"nationality":  countryName(conn.institution.Country),
			"dateOfBirth":  h.born,
			"emailAddress": h.email,
			"numbers":      []map[string]string{{"type": "mobile", "value": h.phone}},
			"address": map[string]any{
				"flat": nil, "building": nil, "full": h.street + ", " + h.city, "area": nil, "poBox": nil,
				"city": h.city, "state": nil, "country": countryName(conn.institution.Country),
			},
			"identification": []map[string]string{{"type": "passport", "value": h.document}},
		}}}
	})
}

// dpTransactions serves one of the three lists. cards says whether it knows cards, extra adds
// category and brand.
func (b *dpProvider) dpTransactions(cards bool, extra func(*dpTransaction, string)) func(*call) reply {
	return func(c *call) reply {
		return b.dpData(c, func(conn *connection, in dpBody) reply {
			if !cards {
				in.CardID = ""
			}
			in.either = cards
			a, refusal, ok := dpPick(conn, in)
			if !ok {
				return refusal
			}
			from, ok1 := parseDay(in.FromDate)
			to, ok2 := parseDay(in.ToDate)
			today, days := dayOf(b.Now()), day(b.daysServed(conn.institution))
			own, spoiled := conn.institution.today(b.Now()), conn.situation(b.Now())
			switch {
			case in.FromDate == "" || in.ToDate == "":
				return dpFail(http.StatusUnprocessableEntity, "PARAMETER_MISSING", "fromDate and toDate are required")
			case !ok1 || !ok2 || to < from:
				return dpFail(http.StatusBadRequest, dpParameter, "fromDate or toDate is wrong")
			case from <= own-days || to > max(own, today)+1, // a clock may be a little ahead
				spoiled == DaysRefused && from <= own-grantedDays,
				spoiled == TodayRefused && to > today:
				return dpFail(http.StatusBadRequest, "INVALID_DATE_RANGE", "the bank does not serve these days")
			}
			if fewer := b.unsaid[conn.institution.Name]; fewer > 0 {
				from = max(from, today-day(fewer)+1)
			}
			if to >= own {
				to = max(to, today) // all that there is: rows are dated in UTC
			}
			list := []dpTransaction{}
			for i, r := range conn.book.rows(a, b.Now(), 0) {
				if (spoiled != DaysIgnored && (r.date < from || r.date > to)) || spoils(spoiled, i) {
					continue
				}
				t := conn.transaction(a, r)
				if extra != nil {
					extra(&t, r.event.text)
				}
				list = append(list, t)
			}
			return reply{
				status: http.StatusOK,
				body:   dpDone{envelope: done(), Transactions: list, payload: "transactions"},
			}
		})
	}
}

// situation is the one that is staged for the connection's transactions, "" for none.
func (conn *connection) situation(now time.Time) string {
	if now.Before(conn.spoiledUntil) {
		return conn.spoiled
	}
	return ""
}

// spoils reports whether the i-th row of an account is left out in a situation.
func spoils(situation string, i int) bool {
	return situation == EmptyAnswer || (situation == ShortAnswer && i%3 == 2)
}

func (conn *connection) transaction(a *account, r row) dpTransaction {
	t := dpTransaction{
		Amount: number(
			abs(r.amount),
			a.currency,
		),
		Date:        conn.book.written(r).String() + "T00:00:00.000Z",
		Type:        "credit",
		Description: conn.book.rawText(r.event, conn.bank.Now()),
		Currency:    conn.currency(a),
	}
	if r.event.ref != "" {
		t.Reference = &r.event.ref // the bank tells it of larger sums only
	}
	if r.amount < 0 {
		t.Type = "debit"
	}
	if a.kind.card {
		details := "CARD " + a.mask
		t.Details = &details
	}
	if s := r.spec; s != nil {
		t.Amount, t.Type = maybe(s.Amount), s.Type
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

func categorized(t *dpTransaction, text string) {
	if category, _, ok := categoryOf(text); ok {
		t.Category = &category
	}
}

func enriched(t *dpTransaction, text string) {
	categorized(t, text)
	if t.Category != nil {
		t.Brand = &dpBrand{Name: text}
	}
}
