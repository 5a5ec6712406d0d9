package moneykit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

// TestResponse specifies what decides about a response.
func TestResponse(t *testing.T) {
	t.Parallel()
	t.Run("an unlisted code is counted", anUnlistedCodeIsCounted)
	t.Run("a validation error names the field", aValidationErrorNamesTheField)
	t.Run("a response without its list is malformed and not empty", aResponseWithoutItsListIsMalformedAndNotEmpty)
	t.Run("a response of links may lack them", aResponseOfLinksMayLackThem)
	t.Run("data in a response count more than what its link says", dataInAResponseCountMoreThanWhatItsLinkSays)
	t.Run(
		"data that were not fetched or granted are not an empty response",
		dataThatWereNotFetchedOrGrantedAreNotAnEmptyResponse,
	)
	t.Run(
		"only codes and documentation addresses are kept of a message",
		onlyCodesAndDocumentationAddressesAreKeptOfAMessage,
	)
}

// TestOddResponse specifies responses of unexpected shapes.
func TestOddResponse(t *testing.T) {
	t.Parallel()
	t.Run("a repeated key of a member for display never decides", aRepeatedKeyOfAMemberForDisplayNeverDecides)
	t.Run("an object of another shape is absent", anObjectOfAnotherShapeIsAbsent)
	t.Run("a list of another shape costs itself", aListOfAnotherShapeCostsItself)
}

func anUnlistedCodeIsCounted(t *testing.T) {
	t.Parallel()
	g := guard.New(guard.Options{})
	s := start(t, virtualbank.Options{}, func(c *moneykit.Config) { c.Guard = g })
	require.NoError(t, s.bank.Inject(virtualbank.Fault{Name: "unknown_code", Operation: "POST /link-session"}))
	_, err := s.client.CreateSession(t.Context(), request)
	e, ok := errors.AsType[*bankmux.Error](err)
	require.True(t, ok)
	assert.True(t, e.Unlisted)
	assert.Len(t, s.sent("POST /link-session"), 1)
	assert.Equal(t, map[string]uint64{"moneykit virtualbank.unheard_of": 1}, g.UnlistedCodes())
}

func aValidationErrorNamesTheField(t *testing.T) {
	t.Parallel()
	s := start(t, virtualbank.Options{}, nil)
	req := request
	req.Options = []bankmux.SessionOption{moneykit.SessionOptions{Providers: []string{"unknown"}}}
	_, err := s.client.CreateSession(t.Context(), req)
	require.ErrorIs(t, err, bankmux.ErrInvalid)
	assert.ErrorContains(t, err, "body.settings.providers")
}

func aResponseWithoutItsListIsMalformedAndNotEmpty(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `{"message":"Sorry"}`, `{"error_code":"unheard_of"}`} {
		client, conn := undisturbed(t, map[string]string{
			"/accounts":     body,
			"/numbers":      body,
			"/identity":     body,
			"/transactions": body,
			"/sync":         body,
			"/holdings":     body,
			"/institutions": body,
			"/links":        body,
		})
		for name, call := range map[string]func(context.Context) error{
			"accounts": func(ctx context.Context) error {
				_, err := client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn})
				return err
			},
			"balances": func(ctx context.Context) error {
				_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
				return err
			},
			"numbers": func(ctx context.Context) error {
				_, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
				return err
			},
			"owners": func(ctx context.Context) error {
				_, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
				return err
			},
			"transactions": func(ctx context.Context) error {
				for _, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
					return err
				}
				return nil
			},
			"changes": func(ctx context.Context) error {
				_, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
				return err
			},
			"holdings": func(ctx context.Context) error {
				_, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn})
				return err
			},
			"investment transactions": func(ctx context.Context) error {
				for _, err := range client.InvestmentTransactions(ctx,
					bankmux.InvestmentTransactionsRequest{Connection: conn}) {
					return err
				}
				return nil
			},
			"banks": func(ctx context.Context) error {
				for _, err := range client.Institutions(ctx, bankmux.InstitutionsRequest{}) {
					return err
				}
				return nil
			},
			"links": func(ctx context.Context) error {
				for _, err := range moneykit.Links(ctx, client) {
					return err
				}
				return nil
			},
		} {
			err := call(t.Context())
			if name == "links" && body == `{}` {
				assert.NoError(t, err, "both members of this response are optional")
				continue
			}
			assert.ErrorIs(t, err, bankmux.ErrMalformed, "%s of %s", name, body)
		}
	}
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[]}`})
	got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err, "an empty list is a valid response")
	assert.Empty(t, got.Accounts)
}

func aResponseOfLinksMayLackThem(t *testing.T) {
	t.Parallel()
	for body, links := range map[string]bool{
		`{}`:             true,
		`{"links":null}`: true,
		`{"links":[]}`:   true,
		`{"links":null,"next_cursor":"","total":0}`:                true,
		`{"links":null,"request_id":"r"}`:                          true,
		`{"next_cursor":""}`:                                       true,
		`{"next_cursor":"","total":0}`:                             true,
		`{"next_cursor":null,"request_id":"r"}`:                    true,
		`{"next_cursor":null}`:                                     true,
		`{"next_cursor":7}`:                                        true,
		`{"message":"Sorry"}`:                                      false,
		`{"total":0}`:                                              false,
		`{"error_code":"unheard_of","documentation_url":null}`:     false,
		`{"links":{}}`:                                             false,
		`{"links":"none","next_cursor":""}`:                        false,
		`{"links":[],"links":[{"link_id":"mk_1"}],"total":0}`:      false,
		`{"next_cursor":"","next_cursor":"again","request_id":""}`: false,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			client, _ := undisturbed(t, map[string]string{"/links": body})
			for link, err := range moneykit.Links(t.Context(), client) {
				require.False(t, links, "%v %v", link, err)
				require.ErrorIs(t, err, bankmux.ErrMalformed)
				return
			}
			assert.True(t, links, "an empty list for another response")
		})
	}
}

func dataInAResponseCountMoreThanWhatItsLinkSays(t *testing.T) {
	t.Parallel()
	for name, product := range map[string]string{
		"never fetched": `{"refreshed_at":null}`, "not granted": `null`, "failed": `{"refreshed_at":null,"error_code":"institution_error"}`, "odd": `[]`,
	} {
		all := `"transactions":` + product + `,"account_numbers":` + product + `,"identity":` + product +
			`,"investments":` + product + `,"accounts":` + product
		link := `"link":{"link_id":"mk_1","state":"connected","products":{` + all + `}}`
		client, conn := canned(t, map[string]string{
			"/accounts":         `{"accounts":[{"account_id":"a1","balances":{"currency":"USD","current":1}}],` + link + `}`,
			"/accounts/numbers": `{"accounts":[{"account_id":"a1","numbers":{"ach":[{"account_number":"1"}]}}],` + link + `}`,
			"/identity":         `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa"]}]}],` + link + `}`,
			"/transactions":     `{"total":1,"transactions":[` + goodRow + `],"accounts":[],` + link + `}`,
			"/sync":             `{"transactions":{"created":[` + goodRow + `]},"cursor":{"next":"c"},"has_more":false,` + link + `}`,
			"/holdings": `{"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}],` +
				`"holdings":[{"account_id":"a1","security_id":"s","quantity":"1"}],"securities":[],` + link + `}`,
			"/investments/transactions": `{"total":1,"accounts":[{"account_id":"a1",` +
				`"balances":{"currency":"USD"}}],"securities":[],` +
				`"investment_transactions":[{"investment_transaction_id":"i","account_id":"a1","amount":"1",` +
				`"date":"2026-11-01"}],` + link + `}`,
		})
		ctx := t.Context()
		_, err := client.Balances(ctx, bankmux.BalancesRequest{Connection: conn})
		require.NoError(t, err, name)
		numbers, err := client.AccountNumbers(ctx, bankmux.AccountNumbersRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, numbers.Accounts, 1, name)
		who, err := client.Identity(ctx, bankmux.IdentityRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, who.Owners, 1, name)
		for _, err := range client.Transactions(ctx, bankmux.TransactionsRequest{Connection: conn}) {
			require.NoError(t, err, name)
		}
		delta, err := client.Sync(ctx, bankmux.SyncRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, delta.Added, 1, name)
		holdings, err := client.Holdings(ctx, bankmux.HoldingsRequest{Connection: conn})
		require.NoError(t, err, name)
		assert.Len(t, holdings.Holdings, 1, name)
		for _, err := range client.InvestmentTransactions(ctx,
			bankmux.InvestmentTransactionsRequest{Connection: conn}) {
			require.NoError(t, err, name)
		}
	}
}

func dataThatWereNotFetchedOrGrantedAreNotAnEmptyResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		link string
		kind bankmux.Kind
	}{
		"never fetched": {`{"link_id":"mk_1","state":"connected","products":{"transactions":{"refreshed_at":null}}}`, bankmux.ErrNotReady},
		"not granted":   {`{"link_id":"mk_1","state":"connected","products":{"transactions":null}}`, bankmux.ErrConsent},
		"failed at the bank": {`{"link_id":"mk_1","state":"connected",` +
			`"products":{"transactions":{"refreshed_at":null,` +
			`"error_code":"institution_error"}}}`, bankmux.ErrInstitution},
		"deleted":             {`{"link_id":"mk_1","state":"deleted","products":{}}`, bankmux.ErrGone},
		"an older, thin link": {`{"link_id":"mk_1","state":"connected"}`, ""},
	} {
		client, conn := canned(
			t,
			map[string]string{"/transactions": `{"total":0,"page":1,"size":0,"transactions":[],"link":` + c.link + `}`},
		)
		var last error
		for _, err := range client.Transactions(t.Context(), bankmux.TransactionsRequest{Connection: conn}) {
			last = err
		}
		assert.Equal(t, c.kind, bankmux.KindOf(last), name)
	}
}

func onlyCodesAndDocumentationAddressesAreKeptOfAMessage(t *testing.T) {
	t.Parallel()
	t.Run("the reason why a product cannot be refreshed", func(t *testing.T) {
		t.Parallel()
		for reason, want := range map[string]string{
			"institution_migration": "institution_migration", "Rosa closed it": "", "": "",
		} {
			s := start(t, virtualbank.Options{}, nil)
			conn := s.connect(request)
			require.NoError(t, s.bank.SetUnavailable(conn.Reference(), "transactions", reason))
			res, err := s.client.ConnectionStatus(t.Context(), bankmux.StatusRequest{Connection: conn})
			require.NoError(t, err)
			found := false
			for _, p := range res.Products {
				if p.Product == bankmux.ProductTransactions {
					found = true
					assert.Equal(t, reason != "", p.Unavailable)
					assert.Equal(t, want, p.UnavailableReason)
				}
			}
			assert.True(t, found)
		}
	})
	t.Run("a page of the documentation", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string]string{
			"https://docs.moneykit.com/errors":     "https://docs.moneykit.com/errors",
			"https://docs.moneykit.com/?user=rosa": "", "77": "",
		} {
			s := start(t, virtualbank.Options{}, nil)
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/link-session" {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(
					w,
					`{"error_code":"api_error.request.validation_failed","error_message":"Rosa","documentation_url":"`+
						url+`","validation_errors":[{"location":["body","customer_user","id"],"message":"Rosa"}]}`,
				)
				return true
			})
			_, err := client.CreateSession(t.Context(), request)
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok)
			assert.Equal(t, want, e.Docs)
			assert.Equal(t, "body.customer_user.id", e.Field)
			assert.ErrorContains(
				t,
				err,
				"invalid_request: the request is malformed (field body.customer_user.id, HTTP 422",
			)
			assert.NotContains(t, err.Error(), "Rosa")
		}
	})
}

func aRepeatedKeyOfAMemberForDisplayNeverDecides(t *testing.T) {
	t.Parallel()
	const code = `"error_code":"link_error.bad_state","link_error_code":"auth_expired"`
	for name, c := range map[string]struct {
		members string
		kind    bankmux.Kind
	}{
		"within an address":               {`"documentation_url":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"an address twice":                {`"documentation_url":"a","documentation_url":"b",` + code, bankmux.ErrReauth},
		"within a message":                {`"error_message":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"a message twice":                 {`"error_message":"a","error_message":"b",` + code, bankmux.ErrReauth},
		"within the faults":               {`"validation_errors":{"a":1,"a":2},` + code, bankmux.ErrReauth},
		"the faults twice":                {`"validation_errors":[],"validation_errors":7,` + code, bankmux.ErrReauth},
		"a code twice: it decides":        {`"error_code":"x",` + code, bankmux.ErrCredentials},
		"a link's code twice: it decides": {`"link_error_code":"x",` + code, bankmux.ErrCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, virtualbank.Options{}, nil)
			conn := s.connect(request)
			client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				return r.Method == http.MethodGet && r.URL.Path != "/auth/token" &&
					write(w, http.StatusUnauthorized, "application/json", `{`+c.members+`}`)
			})
			_, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
			assert.Equal(t, c.kind, bankmux.KindOf(err))
		})
	}
}

func anObjectOfAnotherShapeIsAbsent(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`"NA"`, `7`, `[]`, `true`, `null`, `{}`} {
		t.Run("an account and a link that are "+odd+" are absent", func(t *testing.T) {
			t.Parallel()
			client, conn := canned(t, map[string]string{
				"/accounts":    `{"accounts":[{"account_id":"a1","name":"A","balances":{"current":1,"currency":"USD"}}],"link":` + odd + `}`,
				"/accounts/a1": `{"account":` + odd + `,` + freshLink + `}`,
				"/identity": `{"accounts":[{"account_id":"a1","owners":[{"names":["Rosa",{},7],"addresses":[` + odd + `],"emails":[` + odd +
					`],"phone_numbers":[` + odd + `]},{"names":"Rosa"},{}]}],"link":` + odd + `}`,
			})
			_, err := moneykit.ReadAccount(t.Context(), client, conn, "a1")
			require.ErrorIs(t, err, bankmux.ErrMalformed)
			got, err := client.Balances(t.Context(), bankmux.BalancesRequest{Connection: conn})
			require.NoError(t, err)
			assert.Len(t, got.Balances, 1)
			who, err := client.Identity(t.Context(), bankmux.IdentityRequest{Connection: conn})
			require.NoError(t, err)
			assert.Equal(t, []bankmux.Owner{{Names: []string{"Rosa", "7"}, Accounts: []string{"a1"}}}, who.Owners)
		})
	}
}

func aListOfAnotherShapeCostsItself(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{`{}`, `"none"`, `7`, `{"a":1,"a":2}`} {
		t.Run("securities that are "+odd+" cost only themselves", func(t *testing.T) {
			t.Parallel()
			const accounts = `"accounts":[{"account_id":"a1","balances":{"currency":"USD"}}]`
			client, conn := canned(t, map[string]string{
				"/holdings": `{` + accounts + `,"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2"}],"securities":` + odd + `,` + freshLink +
					`}`,
				"/investments/transactions": `{"total":1,` + accounts + `,"securities":` + odd +
					`,"investment_transactions":[{"investment_transaction_id":"i1","account_id":"a1","amount":"-4",` +
					`"date":"2026-11-01"}],` + freshLink + `}`,
			})
			for range 7 { // one more than opens a circuit
				got, err := client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
				partly(t, err)
				require.Len(t, got.Failed, 1)
				assert.Equal(t, "row 1", got.Failed[0].Transaction)
				assert.Len(t, got.Holdings, 1)
				rows := 0
				for _, err := range client.InvestmentTransactions(t.Context(),
					bankmux.InvestmentTransactionsRequest{Connection: conn}) {
					if err == nil {
						rows++
					}
				}
				assert.Equal(t, 1, rows)
			}
		})
		t.Run("accounts that are "+odd+" cost only themselves", func(t *testing.T) {
			t.Parallel()
			client, conn := canned(t, map[string]string{
				"/holdings": `{"accounts":` + odd + `,"holdings":[{"account_id":"a1","security_id":"s1","quantity":"2"}],"securities":[],` + freshLink +
					`}`,
				"/transactions": `{"total":0,"transactions":[],"accounts":` + odd + `,` + freshLink + `}`,
			})
			for range 7 {
				got, err := client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
				partly(t, err)
				require.Len(t, got.Failed, 1)
				assert.Len(t, got.Holdings, 1, "a position needs no currency")
				for _, err := range client.Transactions(t.Context(),
					bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a1"}}) {
					require.NoError(t, err)
				}
			}
		})
		t.Run("a user's accounts that are "+odd+" fail for their link only", func(t *testing.T) {
			t.Parallel()
			client, _ := canned(
				t,
				map[string]string{
					"/accounts": `{"links":{"mk_1":{"accounts":` + odd + `},"mk_2":{"accounts":[{"account_id":"a1"}]},"mk_3":7}}`,
				},
			)
			accounts, err := moneykit.UserAccounts(t.Context(), client, "user-1")
			partial, ok := errors.AsType[*bankmux.PartialError](err)
			require.True(t, ok, err)
			assert.Len(t, partial.Failed, 2)
			assert.Len(t, accounts[client.ReferenceKey(bankmux.NewSecret("mk_2"))], 1)
		})
	}
}
