package dapi

// This file has operations that only Dapi has.

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/wire"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// The operations of this file.
var (
	opBank        = getMetadata.op("DapiBankMetadata")
	opComplete    = getCompleteAccounts.op("DapiCompleteAccounts")
	opCategorized = getCategorized.op("DapiCategorizedTransactions")
	opOperation   = bankmux.Op{
		Name: "DapiOperation", Group: bankmux.GroupData, Effect: getOperation.effect, Aside: true,
	}
)

// Bank is what Dapi says about the bank of a connection.
type Bank struct {
	Institution   bankmux.Institution
	SortCode      string
	BranchName    string
	BranchAddress string
	Address       [3]string // street, city, country, in the order of a beneficiary's address

	// TransactionDays is how many days back from today the bank serves transactions, 0 if it does
	// not say.
	TransactionDays int
	// CoolDown is how long a new beneficiary cannot be paid. 0 means that it can be paid at once.
	CoolDown time.Duration
	// Smallest is the smallest transfer by kind of beneficiary: "same" (the same bank), "local",
	// "intl".
	Smallest map[string]bankmux.Money
	// CreateBeneficiaryFirst says that a beneficiary must be registered before a payment.
	CreateBeneficiaryFirst bool
	// ShownInCoolDown says that a new beneficiary is listed during the cool-down.
	ShownInCoolDown bool
	// Rules are what the bank allows in a field, in Dapi's notation. The keys are the operation
	// ("createBeneficiary"), the kind of beneficiary and the field.
	Rules map[string]map[string]map[string]string
}

// BankMetadata reads what Dapi says about the connection's bank, POST /metadata/accounts/get. It
// never asks the user. A [*bankmux.PartialError] names the transfer bounds and rules that cannot be
// read, beside the rest. If the client is not Dapi's, the error is [bankmux.ErrUnsupported]. It may
// be repeated.
func BankMetadata(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) (Bank, error) {
	var failed []bankmux.Failure
	bank, err := bankmux.DoOn(ctx, client, opBank, &conn, func(ctx context.Context, a *adapter) (bank Bank, err error) {
		to, err := allowed(&conn)
		if err != nil {
			return Bank{}, err
		}
		got, err := a.metadata(ctx, to)
		if err != nil {
			return Bank{}, err
		}
		institution, err := model.Institution(got.bank())
		if err != nil {
			return Bank{}, err
		}
		bank, failed = got.Metadata.public(institution)
		return bank, nil
	})
	return bank, normalize.Partial(opBank, failed, err)
}

// public returns the metadata as applications see them, and what cannot be read of them.
func (m *metadata) public(at bankmux.Institution) (Bank, []bankmux.Failure) {
	out := Bank{
		Institution: at, SortCode: string(m.SortCode), BranchName: m.BranchName, BranchAddress: m.BranchAddress,
		Address:                [3]string{m.Address.Line1, m.Address.Line2, m.Address.Line3},
		Smallest:               map[string]bankmux.Money{},
		CreateBeneficiaryFirst: m.CreateFirst, ShownInCoolDown: m.ShownInCoolDown,
	}
	out.TransactionDays, _ = model.Days(m.TransactionRange.Value.Value, m.TransactionRange.Unit)
	if hours, _, ok := m.CoolDown.Value.Value.Int64(0); ok && m.CoolDown.Unit == "hrs" {
		out.CoolDown = time.Duration(min(max(hours, 0), 24*365)) * time.Hour
	}
	bounds, failed := wire.CollectOf("transferBounds", &m.TransferBounds.List, (*bound).read)
	for _, b := range bounds {
		out.Smallest[b.kind] = b.smallest
	}
	out.Rules = m.rules()
	return out, failed
}

// smallest is a bound in the model.
type smallest struct {
	kind     string
	smallest bankmux.Money
}

// read returns the bound. One without a minimum is left out.
func (b *bound) read() wire.Read[smallest] {
	least, fault := money(b.Minimum, b.Currency)
	return wire.Read[smallest]{
		Row: smallest{b.Type, least}, Given: fault == nil && !least.IsZero(), ID: b.Type, Fault: fault,
	}
}

// rules returns the rules by operation, kind of beneficiary and field. Members of another shape are
// left out.
func (m *metadata) rules() map[string]map[string]map[string]string {
	all := map[string]map[string]map[string]string{}
	for operation, kinds := range objectOf(m.Validators) {
		all[operation] = map[string]map[string]string{}
		for kind, fields := range objectOf(kinds) {
			all[operation][kind] = map[string]string{}
			for field, rule := range objectOf(fields) {
				all[operation][kind][field] = string(rule)
			}
		}
	}
	return all
}

// objectOf returns the members of an object, and none for anything else.
func objectOf(raw []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	return members
}

// CompleteAccounts reads accounts and their balances in one call, POST /data/completeAccounts/get.
// Only Dapi's documentation mentions it, and the names of its members are inferred. So
// [bankmux.Client.Balances] does not rely on it. answers may be nil. It may be repeated.
func CompleteAccounts(
	ctx context.Context,
	client *bankmux.Client,
	conn bankmux.Connection,
	answers *bankmux.Answers,
) ([]bankmux.Account, bankmux.BalancesResult, error) {
	req := &bankmux.AccountsRequest{Connection: conn, Answers: answers}
	got, err := bankmux.DoOn(ctx, client, opComplete, req, func(ctx context.Context, a *adapter) (complete, error) {
		return a.completeAccounts(ctx, conn, answers)
	})
	return got.accounts, got.balances, err
}

// complete is the result of CompleteAccounts.
type complete struct {
	accounts []bankmux.Account
	balances bankmux.BalancesResult
}

func (a *adapter) completeAccounts(
	ctx context.Context,
	conn bankmux.Connection,
	answers *bankmux.Answers,
) (all complete, err error) {
	var res bankmux.AccountsResult
	list, err := a.accounts(ctx, getCompleteAccounts, &dataCall{conn: &conn, answers: answers}, nil, &res)
	all.accounts, all.balances.Failed = res.Accounts, res.Failed
	for i, acc := range list {
		if acc.Balance == nil {
			continue
		}
		acc.Balance.read(&all.balances, bankmux.AccountBalances{Account: acc.ID}, res.Accounts[i].Kind, a.now())
	}
	return all, err
}

// CategorizedTransactions reads up to a month of one account with categories but without brands,
// POST /data/categorizedTransactions/get. The request must name exactly one account. For category
// and brand, set Enrich on the request of [bankmux.Client.Transactions]. The errors are those of
// [bankmux.TransactionLister]. It may be repeated.
func CategorizedTransactions(
	ctx context.Context,
	client *bankmux.Client,
	req bankmux.TransactionsRequest,
) (bankmux.TransactionPage, error) {
	type page = bankmux.TransactionPage
	return bankmux.DoOn(ctx, client, opCategorized, &req, func(ctx context.Context, a *adapter) (page, error) {
		if len(req.Cards) > 0 {
			return page{}, normalize.Unsupported(
				"TransactionsRequest.Cards", "Dapi does not categorize the transactions of cards")
		}
		return a.byDays(req.Connection, getCategorized).TransactionPage(ctx, req)
	})
}

// Operation is the state of an operation at Dapi.
type Operation struct {
	Status    string       // "done", "failed", "initialized", "user_input_required"
	ErrorKind bankmux.Kind // what a failure means, "" if there is none
	ErrorCode string       // Dapi's word for it
	Path      string       // of the call that started it
	Started   time.Time    `json:",omitzero"`
	Ended     time.Time    `json:",omitzero"`
}

// ReadOperation reads the state of an operation, POST /operation/get. It does not return the
// operation's result: repeat the original call for that. id is one that Dapi gave a call, such as
// [bankmux.Challenge.ID]. Reading it leaves the challenge open. It may be repeated.
func ReadOperation(ctx context.Context, client *bankmux.Client, conn bankmux.Connection, id string) (Operation, error) {
	return bankmux.DoOn(ctx, client, opOperation, &conn, func(ctx context.Context, a *adapter) (Operation, error) {
		to, err := allowed(&conn)
		if err != nil {
			return Operation{}, err
		}
		got, err := a.api.operation(ctx, to, id)
		if err != nil {
			return Operation{}, err
		}
		out := Operation{Status: got.Info.Status, Path: got.Info.Type}
		out.Started, _ = normalize.Timestamp(got.Info.StartDate)
		out.Ended, _ = normalize.Timestamp(got.Info.EndDate)
		if got.Info.ErrorType != "" {
			e := model.Error(normalize.Failure{Code: got.Info.ErrorType})
			out.ErrorKind, out.ErrorCode = e.Kind, e.Code
		}
		return out, nil
	})
}
