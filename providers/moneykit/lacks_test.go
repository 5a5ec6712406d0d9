package moneykit_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func TestAnAnswerWithoutItsListIsMalformedAndNotEmpty(t *testing.T) {
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
				for _, err := range client.InvestmentTransactions(ctx, bankmux.InvestmentTransactionsRequest{Connection: conn}) {
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
				assert.NoError(t, err, "both members of this answer are optional")
				continue
			}
			assert.ErrorIs(t, err, bankmux.ErrMalformed, "%s of %s", name, body)
		}
	}
	client, conn := canned(t, map[string]string{"/accounts": `{"accounts":[]}`})
	got, err := client.Accounts(t.Context(), bankmux.AccountsRequest{Connection: conn})
	require.NoError(t, err, "an empty list is an answer")
	assert.Empty(t, got.Accounts)
}

func TestAnAnswerOfLinksMayLackThem(t *testing.T) {
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
			assert.True(t, links, "an empty list for what is not such an answer")
		})
	}
}

// undisturbed answers calls with texts, by the end of the path, on a client whose circuit never
// opens.
func undisturbed(t *testing.T, answers map[string]string) (*bankmux.Client, bankmux.Connection) {
	t.Helper()
	s := start(t, virtualbank.Options{}, nil)
	conn := s.connect(request)
	client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		for suffix, body := range answers {
			if strings.HasSuffix(r.URL.Path, suffix) {
				return write(w, http.StatusOK, "application/json", body)
			}
		}
		return false
	})
	return client, conn
}

func TestAnUnexpectedObjectUnder200IsNoDisconnect(t *testing.T) {
	t.Parallel()
	for body, gone := range map[string]bool{
		`{}`:                            true,
		`{"link_id":"mk_1"}`:            true,
		`{"error_code":"unheard_of"}`:   false,
		`{"message":"try again later"}`: false,
		`[]`:                            false,
	} {
		s := start(t, virtualbank.Options{}, nil)
		conn := s.connect(request)
		client := intercepted(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodDelete && write(w, http.StatusOK, "application/json", body)
		})
		_, err := client.Disconnect(t.Context(), bankmux.DisconnectRequest{Connection: conn})
		if gone {
			assert.NoError(t, err, body)
		} else {
			assert.ErrorIs(t, err, bankmux.ErrMalformed, body)
		}
	}
}
