package bankmux

// This file resumes calls that a challenge interrupted.

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// ResumeRequest continues an interrupted call. Connection and Answers are required.
type ResumeRequest struct {
	Connection Connection
	// Answers are those of [Challenge.Answer], or [Challenge.Abandon]. The challenge may come from
	// another process: JSON keeps all of it.
	Answers *Answers

	// Name and Known are those of the interrupted [SyncRequest]. A challenge cannot keep functions.
	// They are required if the interrupted request had them, and ignored for other operations.
	Name  func(account string) string
	Known func(ctx context.Context, account string, from, to Date) iter.Seq2[Known, error]

	// Ledger is that of the interrupted [SyncAllRequest], and is required for [OpSyncAll]. Other
	// operations ignore it.
	Ledger Ledger
}

// Resumed is the result of an interrupted call. Op names the operation, and the field of that
// operation is set. The others are nil.
type Resumed struct {
	Op             string                // such as [OpBalances]
	Accounts       *AccountsResult       // with [OpAccounts]
	AccountNumbers *AccountNumbersResult // with [OpAccountNumbers]
	Balances       *BalancesResult       // with [OpBalances]
	Identity       *IdentityResult       // with [OpIdentity]
	Cards          *CardsResult          // with [OpCards]
	Sync           *Delta                // with [OpSync]
	SyncAll        *SyncAllResult        // with [OpSyncAll]
	Holdings       *HoldingsResult       // with [OpHoldings]
	Refresh        *RefreshResult        // with [OpRefresh]
	Status         *StatusResult         // with [OpConnectionStatus]

	// Transactions are the pages of [OpTransactions]. The call is made while they are ranged over,
	// so its errors come there. Range over them once.
	Transactions iter.Seq2[TransactionPage, error]
	// InvestmentTransactions are the pages of [OpInvestmentTransactions], in the same way.
	InvestmentTransactions iter.Seq2[InvestmentTransactionPage, error]
}

// Resume makes a call again that a [Challenge] interrupted, now with the user's answers. The
// challenge knows which call it was and what it asked for. If the bank asks again, the error has
// the next challenge, which Resume accepts too. Results and errors are those of the call: a result
// may come with an error, such as a [*PartialError].
//
// The error is [ErrInvalid] if the answers do not fit the challenge, or the challenge does not fit
// the connection. It is also ErrInvalid for an operation of an adapter's package, such as
// dapi.CompleteAccounts: call that function again with the answers. It is [ErrChallengeExpired] if
// the challenge is not open any more. All other errors are those of the call. Answers are sent
// once.
//
// A call of [Client.SyncAll] goes on with PageSize and Refresh of its request, and without its
// Progress.
func (c *Client) Resume(ctx context.Context, req ResumeRequest) (Resumed, error) {
	if req.Answers == nil {
		return Resumed{}, invalid("ResumeRequest.Answers", "is nil: use Challenge.Answer")
	}
	ch := &req.Answers.Challenge
	res, made := Resumed{Op: ch.Op}, interruptedCall{}
	if err := made.read(&req); err != nil {
		op := Op{Name: ch.Op, Connection: req.Connection.ID}
		return Resumed{}, c.describe(&op, err)
	}
	conn, answers := req.Connection, req.Answers
	var err error
	switch ch.Op {
	case OpConnectionStatus:
		res.Status, err = resumed(c.ConnectionStatus(ctx, StatusRequest{conn, answers}))
	case OpAccounts:
		res.Accounts, err = resumed(c.Accounts(ctx, AccountsRequest{conn, made.Accounts, answers}))
	case OpAccountNumbers:
		res.AccountNumbers, err = resumed(c.AccountNumbers(ctx, AccountNumbersRequest{conn, answers}))
	case OpBalances:
		res.Balances, err = resumed(c.Balances(ctx, made.balances(conn, answers)))
	case OpIdentity:
		res.Identity, err = resumed(c.Identity(ctx, IdentityRequest{conn, made.Accounts, answers}))
	case OpCards:
		res.Cards, err = resumed(c.Cards(ctx, CardsRequest{conn, answers}))
	case OpSync:
		res.Sync, err = resumed(c.Sync(ctx, made.sync(&req)))
	case OpSyncAll:
		res.SyncAll, err = resumed(c.SyncAll(ctx, SyncAllRequest{
			Connection: conn, Ledger: req.Ledger, Answers: answers, PageSize: made.PageSize, Refresh: made.Refresh,
		}))
	case OpHoldings:
		res.Holdings, err = resumed(c.Holdings(ctx, HoldingsRequest{conn, made.Accounts, answers}))
	case OpRefresh:
		res.Refresh, err = resumed(c.Refresh(ctx, RefreshRequest{conn, made.Products, answers}))
	case OpTransactions:
		res.Transactions = c.TransactionPages(ctx, made.transactions(conn, answers))
	case OpInvestmentTransactions:
		res.InvestmentTransactions = c.InvestmentTransactionPages(ctx, made.investmentTransactions(conn, answers))
	default: // such as an operation of a newer version
		return Resumed{}, c.describe(&Op{Name: ch.Op, Connection: conn.ID}, notResumed(ch.Op))
	}
	return res, err
}

func resumed[T any](result T, err error) (*T, error) { return &result, err }

// interruptedCall is what [Challenge.Request] keeps: each request of this package without its
// connection and its answers.
type interruptedCall struct {
	Accounts []string      `json:"accounts,omitzero"`
	Cards    []string      `json:"cards,omitzero"`
	Known    []Account     `json:"known,omitempty"`
	Products []Product     `json:"products,omitempty"`
	Fresh    bool          `json:"fresh,omitempty"`
	MaxAge   time.Duration `json:"max_age,omitempty"`
	From     Date          `json:"from,omitzero"`
	To       Date          `json:"to,omitzero"`
	Beyond   RangePolicy   `json:"beyond,omitempty"`
	Enrich   bool          `json:"enrich,omitempty"`
	PageSize int           `json:"page_size,omitempty"`
	Refresh  bool          `json:"refresh,omitempty"`
	Page     string        `json:"page,omitempty"`
	Cursor   string        `json:"cursor,omitempty"`
	HasName  bool          `json:"has_name,omitempty"`  // the SyncRequest had Name
	HasKnown bool          `json:"has_known,omitempty"` // the SyncRequest had Known
}

// callOf returns what a challenge keeps of a request, and false for a request that takes no
// answers.
func callOf(req Request) (interruptedCall, bool) {
	switch r := req.(type) {
	case *StatusRequest, *AccountNumbersRequest, *CardsRequest:
		return interruptedCall{}, true
	case *AccountsRequest:
		return interruptedCall{Accounts: r.Accounts}, true
	case *IdentityRequest:
		return interruptedCall{Accounts: r.Accounts}, true
	case *HoldingsRequest:
		return interruptedCall{Accounts: r.Accounts}, true
	case *RefreshRequest:
		return interruptedCall{Products: r.Products}, true
	case *BalancesRequest:
		return interruptedCall{
			Accounts: r.Accounts, Cards: r.Cards, Known: kinds(r.Known), Fresh: r.Fresh, MaxAge: r.MaxAge,
		}, true
	case *SyncRequest:
		return interruptedCall{
			Accounts: r.Accounts, Cards: r.Cards, Cursor: r.Cursor, PageSize: r.PageSize,
			HasName: r.Name != nil, HasKnown: r.Known != nil,
		}, true
	case *TransactionsRequest:
		return interruptedCall{
			Accounts: r.Accounts, Cards: r.Cards, From: r.From, To: r.To, Beyond: r.Beyond, Enrich: r.Enrich,
			PageSize: r.PageSize, Page: r.Page,
		}, true
	case *InvestmentTransactionsRequest:
		return interruptedCall{Accounts: r.Accounts, From: r.From, To: r.To, PageSize: r.PageSize, Page: r.Page}, true
	}
	return interruptedCall{}, false
}

// resumable returns err with the request in its challenge, if it has one, for [Client.Resume].
func resumable(err error, req Request) error {
	e, ok := err.(*Error) //nolint:errorlint // only the error of this call, not one inside a PartialError
	if !ok || e.Challenge == nil {
		return err
	}
	made, ok := callOf(req)
	raw, marshalErr := json.Marshal(made)
	if !ok || marshalErr != nil {
		return err
	}
	full, ch := *e, *e.Challenge
	ch.Request, full.Challenge = raw, &ch
	return &full
}

// read reads the call that the challenge of req interrupted.
func (made *interruptedCall) read(req *ResumeRequest) error {
	ch := &req.Answers.Challenge
	switch {
	case ch.ID == "":
		return invalid("Answers.Challenge", "is empty: use the one of the error")
	case len(ch.Request) == 0:
		return notResumed(ch.Op)
	case json.Unmarshal(ch.Request, made) != nil:
		return invalid("Answers.Challenge", "has a Request that is not the library's")
	case ch.Op == OpSyncAll && req.Ledger == nil:
		return invalid("ResumeRequest.Ledger", "is nil, but the interrupted SyncAllRequest had one")
	case ch.Op == OpSyncAll: // the call of the interrupted step is the Ledger's
	case made.HasName && req.Name == nil:
		return invalid("ResumeRequest.Name", "is nil, but the interrupted SyncRequest had one")
	case made.HasKnown && req.Known == nil:
		return invalid("ResumeRequest.Known", "is nil, but the interrupted SyncRequest had one")
	}
	return nil
}

func notResumed(op string) *Error {
	return invalid("Answers.Challenge", "is of "+quote(op)+
		", which Resume does not know: call its function again with the answers")
}

func (made *interruptedCall) balances(conn Connection, answers *Answers) BalancesRequest {
	return BalancesRequest{
		Connection: conn, Accounts: made.Accounts, Cards: made.Cards, Known: made.Known, Fresh: made.Fresh,
		MaxAge: made.MaxAge, Answers: answers,
	}
}

func (made *interruptedCall) sync(req *ResumeRequest) SyncRequest {
	return SyncRequest{
		Connection: req.Connection, Cursor: made.Cursor, Accounts: made.Accounts, Cards: made.Cards,
		PageSize: made.PageSize, Answers: req.Answers, Name: req.Name, Known: req.Known,
	}
}

func (made *interruptedCall) transactions(conn Connection, answers *Answers) TransactionsRequest {
	return TransactionsRequest{
		Connection: conn, Accounts: made.Accounts, Cards: made.Cards, From: made.From, To: made.To,
		Beyond: made.Beyond, Enrich: made.Enrich, PageSize: made.PageSize, Page: made.Page, Answers: answers,
	}
}

func (made *interruptedCall) investmentTransactions(
	conn Connection, answers *Answers,
) InvestmentTransactionsRequest {
	return InvestmentTransactionsRequest{
		Connection: conn, Accounts: made.Accounts, From: made.From, To: made.To, PageSize: made.PageSize,
		Page: made.Page, Answers: answers,
	}
}
