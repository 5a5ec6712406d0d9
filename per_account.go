package bankmux

import (
	"context"
	"errors"
	"slices"
)

// This file reads providers that serve one account per call. Each call has its own deadline,
// retries and place in the queue, and the failure of one account leaves the others alone.

// start returns the progress of an operation: that of a challenge or page, or the accounts and
// cards that the caller named. The answers are for the first call.
func (c *Client) start(
	op Op,
	connection string,
	named progress,
	cursor string,
	answers *Answers,
) (p progress, step *Answers, err error) {
	op.Connection = connection
	switch {
	case answers != nil:
		if err = answers.prepare(&op); err == nil {
			p, err = progressOf(answers)
		}
		step = answers.forStep()
	case cursor != "":
		p, err = parseProgress(cursor)
	case named.Accounts != nil || named.Cards != nil:
		p = progress{Listed: true, Accounts: named.Accounts, Cards: named.Cards}
	}
	if err != nil {
		return p, nil, c.describe(&op, err)
	}
	return p, step, nil
}

// list reads the list of accounts, and adds all of them to what is to be read unless accounts were
// named.
func (c *Client) list(ctx context.Context, op Op, conn Connection, p *progress, answers *Answers) ([]Account, error) {
	req := AccountsRequest{Connection: conn, Answers: answers}
	got, err := c.listAccounts(ctx, &req)
	if err != nil {
		return nil, interrupted(err, op, "", p)
	}
	p.Failed = append(p.Failed, got.Failed...)
	if p.Listed {
		return got.Accounts, nil
	}
	p.Listed = true
	for _, a := range got.Accounts {
		p.Accounts = append(p.Accounts, a.ID)
	}
	return got.Accounts, nil
}

// giveUp returns a failure with err for each account and card that is left.
func (p *progress) giveUp(err error) (failed []Failure) {
	e := ErrorOf(err)
	if e == nil {
		e = &Error{Kind: ErrUnknown, Err: err}
	}
	for {
		id, _, ok := p.next()
		if !ok {
			return failed
		}
		failed = append(failed, Failure{Account: id, Err: e})
		p.done()
	}
}

// kinds returns what reading a balance needs to know of its account. A challenge keeps no more of
// an account.
func kinds(list []Account) []Account {
	slim := make([]Account, len(list))
	for i := range list {
		slim[i] = Account{ID: list[i].ID, Kind: list[i].Kind, Currency: list[i].Currency}
	}
	return slim
}

// idsOf returns the ids of accounts, each once, and nil if there are none.
func idsOf(list []Account) (ids []string) {
	for i := range list {
		if id := list[i].ID; id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *Client) balancesEach(ctx context.Context, req BalancesRequest) (BalancesResult, error) {
	var calls sent
	res, err := c.With(calls.note).balancesOfEach(ctx, req)
	return res, calls.whole(err)
}

func (c *Client) balancesOfEach(ctx context.Context, req BalancesRequest) (BalancesResult, error) {
	if err := req.prepareEach(c); err != nil {
		return BalancesResult{}, err
	}
	ctx = req.Answers.attended(ctx)
	p, answers, err := c.startBalances(ctx, &req)
	if err != nil {
		return BalancesResult{}, err
	}
	for {
		id, card, ok := p.next()
		if !ok {
			break
		}
		one, ok := p.balanceOf(&req, id, card)
		one.Answers, answers = answers, nil
		if !ok {
			missing := &Error{Kind: ErrNotFound, Detail: "the connection has no such account", NotSent: true}
			p.Failed = append(p.Failed, Failure{Account: id, Err: missing})
			p.done()
			continue
		}
		got, err := call(ctx, c, &opBalances, &one, BalanceReader.Balances)
		p.Balances = append(p.Balances, withMoney(got.Balances)...)
		p.Failed = append(p.Failed, got.Failed...)
		switch e := ErrorOf(err); {
		case err == nil:
			p.done()
		case e != nil && (e.Challenge != nil || e.Code == CodeCancelled):
			return BalancesResult{Balances: p.Balances, Failed: p.Failed}, interrupted(err, opBalances, id, &p)
		case refusedAnswer(err):
			return BalancesResult{Balances: p.Balances, Failed: p.Failed}, err
		case hopeless(err) && len(p.Balances) == 0:
			return BalancesResult{}, err
		case hopeless(err):
			p.Failed = append(p.Failed, p.giveUp(err)...)
		default:
			p.Failed = append(p.Failed, Failure{Account: id, Err: e})
			p.done()
		}
	}
	return BalancesResult{Balances: p.Balances, Failed: p.Failed}, c.partial(&opBalances, &req.Connection, p.Failed)
}

// startBalances returns what is to be read, and lists the accounts if they are not known.
func (c *Client) startBalances(ctx context.Context, req *BalancesRequest) (progress, *Answers, error) {
	named := progress{Accounts: req.Accounts, Cards: req.Cards}
	if named.Accounts == nil && named.Cards == nil {
		named.Accounts = idsOf(req.Known)
	}
	p, answers, err := c.start(opBalances, req.Connection.ID, named, "", req.Answers)
	if err != nil {
		return p, nil, err
	}
	if len(req.Known) > 0 && p.Known == nil {
		p.Known = kinds(req.Known)
	}
	if p.Listed && p.knows() {
		return p, answers, nil
	}
	listed, err := c.list(ctx, opBalances, req.Connection, &p, answers)
	p.Known = kinds(listed)
	return p, nil, err
}

// balanceOf returns the request for one account or card, and false for an account that the
// connection does not have.
func (p *progress) balanceOf(req *BalancesRequest, id string, card bool) (BalancesRequest, bool) {
	one := BalancesRequest{Connection: req.Connection, Fresh: req.Fresh, MaxAge: req.MaxAge}
	if card {
		one.Cards = []string{id}
		return one, true
	}
	i := slices.IndexFunc(p.Known, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return one, false
	}
	one.Accounts, one.Known = []string{id}, p.Known[i:i+1]
	return one, true
}

// prepareEach validates the request before the first call.
func (r *BalancesRequest) prepareEach(c *Client) error {
	op := opBalances
	if err := r.Connection.prepare(c, &op); err != nil {
		return c.describe(&op, err)
	}
	err := checkIDs("BalancesRequest", r.Accounts, r.Cards)
	if err == nil {
		err = c.checkCards("BalancesRequest", r.Cards)
	}
	return c.describe(&op, err)
}

func (c *Client) transactionsEach(
	ctx context.Context,
	req TransactionsRequest,
	yield func(TransactionPage, error) bool,
) {
	ctx = req.Answers.attended(ctx)
	p, answers, err := c.startTransactions(ctx, &req)
	if err != nil {
		yield(TransactionPage{}, err)
		return
	}
	if len(p.Failed) > 0 && !yield(TransactionPage{Failed: p.Failed, Next: p.cursor()}, nil) {
		return
	}
	p.Failed = nil
	for {
		id, card, ok := p.next()
		if !ok {
			return
		}
		one := req
		one.Accounts, one.Cards, one.Page, one.Answers = []string{id}, nil, p.Page, answers
		if card {
			one.Accounts, one.Cards = nil, []string{id}
		}
		answers = nil
		page, err := c.transactionPage(ctx, one)
		switch e := ErrorOf(err); {
		case err == nil && page.Next == "":
			p.done()
		case err == nil && page.Next == p.Page:
			page.Failed = append(
				page.Failed,
				Failure{Account: id, Err: &Error{Kind: ErrMalformed, Detail: "the adapter's pages repeat without end"}},
			)
			p.done()
		case err == nil:
			p.Page = page.Next
		case e != nil && (e.Challenge != nil || e.Code == CodeCancelled):
			yield(TransactionPage{}, interrupted(err, opTransactions, id, &p))
			return
		case hopeless(err), refusedAnswer(err):
			yield(TransactionPage{}, err)
			return
		default:
			page = TransactionPage{Failed: []Failure{{Account: id, Err: e}}}
			p.done()
		}
		page.Next = p.cursor()
		if !yield(page, nil) {
			return
		}
	}
}

// startTransactions returns what is to be read, and lists the accounts if none are named.
func (c *Client) startTransactions(ctx context.Context, req *TransactionsRequest) (progress, *Answers, error) {
	op := opTransactions
	err := req.Connection.prepare(c, &op)
	if err == nil {
		err = req.check(c)
	}
	if err != nil {
		return progress{}, nil, c.describe(&op, err)
	}
	named := progress{Accounts: req.Accounts, Cards: req.Cards}
	p, answers, err := c.start(opTransactions, req.Connection.ID, named, req.Page, req.Answers)
	if err != nil || p.Listed {
		return p, answers, err
	}
	_, err = c.list(ctx, opTransactions, req.Connection, &p, answers)
	return p, nil, err
}

// hopeless reports whether the other accounts would fail like one account did. The connection, the
// application or the provider is not working then.
func hopeless(err error) bool {
	return errors.Is(err, ErrCircuitOpen) || // the provider's or the bank's
		KindOf(err).is(endsReading)
}

// refusedAnswer reports whether the bank did not accept the user's answer. It is not a failure of
// one account, because the user must be asked again first.
func refusedAnswer(err error) bool {
	return slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.is(answerRefused) && errors.Is(err, k) })
}
