package dapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/bankharness"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providertest"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(
		t,
		newHarness,
		bankmux.CapStatus,
		bankmux.CapDisconnect,
		bankmux.CapAccounts,
		bankmux.CapBalances,
		bankmux.CapAccountNumbers,
		bankmux.CapIdentity,
		bankmux.CapCards,
		bankmux.CapTransactions,
		bankmux.CapEnrichment,
		bankmux.CapSync,
		bankmux.CapWebhooks,
	)
}

var provider = bankharness.Provider{
	Name:    dapi.Name,
	Event:   "connection.state_changed",
	Signed:  []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
	Account: func(a virtualbank.AccountState) string { return a.DapiID },
	Row:     spec,
}

func newHarness(*testing.T) providertest.Harness {
	bank := virtualbank.New(virtualbank.Options{})
	creds := bank.Credentials().Dapi
	hooks, _, hookKey := bank.WebhookSecrets()
	last := &operationSeen{next: bank.Dapi()}
	data := provider.Data(bank)
	data.Ask = func(conn bankmux.Connection, inputs ...bankmux.InputKind) ([]string, error) {
		var round, right []string
		for _, in := range inputs {
			round = append(round, string(in))
			right = append(
				right,
				map[bankmux.InputKind]string{bankmux.InputOTP: "123456", bankmux.InputPIN: "1234"}[in],
			)
		}
		return right, bank.RequireInput(conn.Reference(), "", round)
	}
	return providertest.Harness{
		Backend: last,
		New: func(env providertest.Env) (*bankmux.Client, error) {
			return dapi.New(dapi.Config{
				AppKey: creds.AppKey, AppSecret: bankmux.NewSecret(creds.AppSecret), Environment: bankmux.Sandbox,
				BaseURL: env.BaseURL + "/v2", HTTPClient: env.HTTPClient, BodyLimit: 1 << 20, Guard: env.Guard,
				Webhook: dapi.WebhookConfig{Secrets: []bankmux.Secret{bankmux.NewSecret(hooks[0])}},
			})
		},
		Request: bankmux.SessionRequest{User: "user-1", Country: "AE"},
		Link: func(s bankmux.Session) (json.RawMessage, error) {
			return bank.LinkDapi(virtualbank.DapiLink{AppKey: s.Launch.AppKey, Countries: s.Launch.Countries})
		},
		IsExchange: func(r *http.Request) bool { return r.URL.Path == "/v2/auth/ExchangeToken" },
		Lapse:      func(conn bankmux.Connection) error { return bank.Lapse(conn.Reference()) },
		Secrets:    []string{creds.AppSecret, hooks[0], hookKey},
		Webhooks:   provider.Webhooks(bank),
		Adds:       true, // each login makes an access token
		Words: providertest.Words{
			Rejected: bankharness.Respond(
				http.StatusUnauthorized,
				`{"success":false,"status":"failed","msg":"appSecret is not that of an application"}`,
			),
			Failed: bankharness.Respond(
				http.StatusOK,
				`{"success":false,"status":"failed","type":"UNKNOWN_ERROR","msg":"The operation failed"}`,
			),
			UnknownCode: bankharness.Respond(
				http.StatusBadRequest,
				`{"success":false,"status":"failed","type":"UNHEARD_OF","msg":"An unlisted type"}`,
			),
			Enums: []string{"accounts.type", "cards.type", "cards.status", "numbers.type", "identification.type"},
		},
		AtInstitution: func(op bankmux.Op) bool {
			return op.Group == bankmux.GroupData && op.Name != "DapiBankMetadata" && op.Name != "DapiOperation"
		},
		Operations: operations(last),
		// only the front end sends Dapi anything of a session
		Received: func(s bankmux.Session) (providertest.Received, error) {
			country := strings.Join(s.Launch.Countries, ",")
			return providertest.Received{Country: &country}, nil
		},
		Table: providertest.Table{File: "../../providertest/MATRIX.md", Title: "Dapi"},
		Data:  data,
	}
}

// operations are Dapi's own.
func operations(last *operationSeen) []providertest.Operation {
	read := func(
		name string, call func(context.Context, *bankmux.Client, bankmux.Connection) error,
	) providertest.Operation {
		return providertest.Operation{Name: name, Effect: bankmux.Read, Prepare: func(
			_ context.Context, client *bankmux.Client, conn bankmux.Connection,
		) (func(context.Context) error, error) {
			return func(ctx context.Context) error { return call(ctx, client, conn) }, nil
		}}
	}
	var account string // looked up once
	return []providertest.Operation{
		read("dapi.BankMetadata", func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
			_, err := dapi.BankMetadata(ctx, client, conn)
			return err
		}),
		read("dapi.CompleteAccounts", func(ctx context.Context, client *bankmux.Client, conn bankmux.Connection) error {
			_, _, err := dapi.CompleteAccounts(ctx, client, conn, nil)
			return err
		}),
		{Name: "dapi.ReadOperation", Effect: bankmux.Read, Prepare: func(
			ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
		) (func(context.Context) error, error) {
			if _, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn}); err != nil {
				return nil, err
			}
			operation := last.id()
			return func(ctx context.Context) error {
				_, err := dapi.ReadOperation(ctx, client, conn, operation)
				return err
			}, nil
		}},
		{Name: "dapi.CategorizedTransactions", Effect: bankmux.Read, Prepare: func(
			ctx context.Context, client *bankmux.Client, conn bankmux.Connection,
		) (func(context.Context) error, error) {
			if account == "" {
				list, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
				if err != nil {
					return nil, err
				}
				account = list.Accounts[0].ID
			}
			return func(ctx context.Context) error {
				_, err := dapi.CategorizedTransactions(
					ctx, client, bankmux.TransactionsRequest{Connection: conn, Accounts: []string{account}},
				)
				return err
			}, nil
		}},
	}
}

// operationSeen remembers the operation that the bank named last. Only Dapi's own operations need
// it.
type operationSeen struct {
	next http.Handler

	mu   sync.Mutex
	last string
}

var operationID = regexp.MustCompile(`"operationID":"([^"]+)"`)

func (o *operationSeen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.next.ServeHTTP(operationWriter{w, o}, r)
}

func (o *operationSeen) id() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

type operationWriter struct {
	http.ResponseWriter
	seen *operationSeen
}

func (w operationWriter) Write(p []byte) (int, error) {
	if found := operationID.FindSubmatch(p); found != nil {
		w.seen.mu.Lock()
		w.seen.last = string(found[1])
		w.seen.mu.Unlock()
	}
	return w.ResponseWriter.Write(p)
}

func (w operationWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// spec is a row as Dapi writes it. Dapi has no pending flag.
func spec(r providertest.Row) virtualbank.TransactionSpec {
	s := virtualbank.TransactionSpec{
		Amount: r.Amount, Type: "debit", Currency: r.Currency, NoCurrency: r.NoMoney,
		Date: r.Date.String() + "T00:00:00.000Z", Text: r.Text,
	}
	if r.In {
		s.Type = "credit"
	}
	return s
}
