// Package bench compares a guarded exchange with what a team would write by hand.
package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

const deadline = 30 * time.Second

// responses of the server by path; %s is the tag of the session.
var responses = map[string]string{
	"/auth/token":   `{"access_token":"token","token_type":"bearer","expires_in":3600}`,
	"/link-session": `{"link_session_token":"session"}`,
	"/link-session/exchange-token": `{"link_id":"mk_7RkVhQ2mTz4XwPdLb9NcGa","link":{"link_id":"mk_7RkVhQ2mTz4XwPdLb9NcGa","institution_id":"northwind",
		"institution_name":"Northwind Bank","institution_avatar":"https://cdn.example.com/northwind.png","state":"connected","error_code":null,
		"last_synced_at":"2026-11-20T14:03:27.418502+00:00","provider":"mx","link_tags":["tier:gold","%s"],"tags":["tier:gold","%s"],"webhook":null,
		"products":{"accounts":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00","last_attempted_at":"2026-11-20T14:03:27.418502+00:00","error_code":null,"error_message":null,"unavailable":null,"settings":null},
		"account_numbers":{"refreshed_at":null,"last_attempted_at":null,"error_code":null,"error_message":null,"unavailable":null,"settings":null},
		"identity":null,"transactions":{"refreshed_at":"2026-11-20T14:03:27.418502+00:00","last_attempted_at":null,"error_code":null,"error_message":null,"unavailable":null,"settings":null,"has_history":true},
		"investments":null,"enrichment":null},"available_products":["investments"]}}`,
	"/link/token/create": `{"link_token":"link-sandbox-1","expiration":"2030-01-01T00:00:00Z","request_id":"r"}`,
	"/link/token/get": `{"link_token":"link-sandbox-1","created_at":"2026-11-20T14:03:27Z","expiration":"2030-01-01T00:00:00Z",
		"metadata":{"initial_products":["transactions"],"webhook":null,"country_codes":["US"],"language":"en","redirect_uri":null,"client_name":"Example"},
		"link_sessions":[{"link_session_id":"356dbb28-7f98-44d1-8e6d-0cec580f3171","started_at":"2026-11-20T14:03:00Z","finished_at":"2026-11-20T14:03:20Z",
		"results":{"item_add_results":[{"public_token":"public-sandbox-1","accounts":[{"id":"K3vTq8YwLm2RzXhPd6NsBe","name":"Plaid Checking","mask":"0000","type":"depository","subtype":"checking","verification_status":null,"class_type":null}],
		"institution":{"institution_id":"ins_109508","name":"First Platypus Bank"}}],"bank_income_results":[],"payroll_income_results":[]},"exit":null,"events":[]}],"request_id":"r"}`,
	"/item/public_token/exchange": `{"access_token":"access-sandbox-1","item_id":"Ed6bjNrDLJfGvZWwnkQlfxwoNz54B5C97ejBr","request_id":"r"}`,
	"/item/get": `{"item":{"item_id":"Ed6bjNrDLJfGvZWwnkQlfxwoNz54B5C97ejBr","institution_id":"ins_109508","institution_name":"First Platypus Bank","webhook":"https://app.example.com/hooks",
		"error":null,"available_products":["balance","identity","investments"],"billed_products":["transactions"],"products":["transactions"],"consented_products":["transactions"],
		"consent_expiration_time":null,"update_type":"background","auth_method":"INSTANT_AUTH","created_at":"2026-11-20T14:03:20Z"},
		"status":{"transactions":{"last_successful_update":"2026-11-20T14:03:27.418Z","last_failed_update":null},"investments":null,"last_webhook":null},"request_id":"r"}`,
	"/transactions/sync":  `{"added":[],"modified":[],"removed":[],"next_cursor":"now","has_more":false,"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"}`,
	"/auth/ExchangeToken": `{"success":true,"status":"done","accessToken":"access-token","tokenID":"d9a1d414-ee85-40da-95c3-dbf4c7283d11","userID":"Hn4Rz8Tb1Vc6"}`,
	"/metadata/accounts/get": `{"success":true,"status":"done","operationID":"DAPIBANK_AE_ENBD:3f0c","accountsMetadata":{"swiftCode":"EBILAEAD","sortCode":null,"bankName":"Emirates NBD Bank PJSC","branchName":"Main Branch",
		"branchAddress":"Baniyas Road Deira Dubai","address":{"line1":"Baniyas Road","line2":"Dubai","line3":"United Arab Emirates"},
		"transferBounds":[{"minimum":1,"currency":{"code":"AED","name":"UNITED ARAB EMIRATES DIRHAM"},"type":"local"}],
		"beneficiaryCoolDownPeriod":{"value":24,"unit":"hrs"},"transactionRange":{"value":90,"unit":"days"},"country":{"code":"AE","name":"UNITED ARAB EMIRATES"},
		"isCreateBeneficiaryEndpointRequired":true,"willNewlyAddedBeneficiaryExistBeforeCoolDownPeriod":true}}`,
}

// backend responds without any work.
type backend struct {
	tag   string
	calls int
}

func (b *backend) response(path string) (int, string) {
	b.calls++
	status := http.StatusOK
	if strings.HasPrefix(path, "/link-session") || path == "/auth/token" {
		status = http.StatusCreated
	}
	body := responses[path]
	if n := strings.Count(body, "%s"); n > 0 {
		body = strings.ReplaceAll(body, "%s", b.tag)
	}
	return status, body
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	status, body := b.response(r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// RoundTrip serves without a server, so that only the client's allocations count.
func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	status, body := b.response(r.URL.Path)
	return &http.Response{
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		ContentLength: int64(len(body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(body)),
	}, nil
}

// way is one way to do the same exchange.
type way struct {
	name string
	run  func(context.Context) error
}

// ways returns, for an adapter, the exchange by hand, with bare resty and guarded.
func ways(tb testing.TB, adapter string, b *backend, base string, transport http.RoundTripper) []way {
	tb.Helper()
	calls := exchanges[adapter]
	hand := &http.Client{Transport: transport}
	bare := resty.NewWithClient(&http.Client{Transport: transport}).SetBaseURL(base)
	all := []way{
		{"by hand", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			for _, path := range calls {
				if err := byHand(ctx, hand, base+path); err != nil {
					return err
				}
			}
			return nil
		}},
		{"resty", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			for _, path := range calls {
				var out exchangeReply
				res, err := bare.R().SetContext(ctx).SetAuthToken("token").SetBody(body).SetResult(&out).Post(path)
				if err != nil || !res.IsSuccess() {
					return fmt.Errorf("resty: %w", err)
				}
			}
			return nil
		}},
	}
	//nolint:sloglint // the cost of writing records is measured
	logged := slog.New(slog.NewJSONHandler(io.Discard, nil))
	for name, logger := range map[string]*slog.Logger{"guarded": nil, "guarded, slog": logged} {
		client := newClient(tb, adapter, base, transport, guard.New(guard.Options{Logger: logger}))
		all = append(all, way{name, guarded(tb, adapter, b, client)})
	}
	slices.SortFunc(all[2:], func(x, y way) int { return strings.Compare(x.name, y.name) })
	return all
}

var body = map[string]string{
	"exchangeable_token": "token",
	"appSecret":          "secret",
	"accessCode":         "code",
	"connectionID":       "id",
	"userSecret":         "user",
}

// exchangeReply has the fields that a hand-written client needs.
type exchangeReply struct {
	Link struct {
		LinkID   string   `json:"link_id"`
		State    string   `json:"state"`
		LinkTags []string `json:"link_tags"`
		Products map[string]*struct {
			RefreshedAt *string `json:"refreshed_at"`
		} `json:"products"`
	} `json:"link"`
	Status      any    `json:"status"` // text at Dapi, an object at Plaid
	AccessToken string `json:"accessToken"`
	ItemID      string `json:"item_id"`
	Item        struct {
		ItemID        string `json:"item_id"`
		InstitutionID string `json:"institution_id"`
		Name          string `json:"institution_name"`
		Error         *struct {
			Code string `json:"error_code"`
		} `json:"error"`
		Products    []string `json:"products"`
		ConsentEnds *string  `json:"consent_expiration_time"`
	} `json:"item"`
	LinkSessions []struct {
		Results struct {
			Added []struct {
				PublicToken string `json:"public_token"`
			} `json:"item_add_results"`
		} `json:"results"`
	} `json:"link_sessions"`
	AccountsMetadata struct {
		SwiftCode string                `json:"swiftCode"`
		BankName  string                `json:"bankName"`
		Country   struct{ Code string } `json:"country"`
	} `json:"accountsMetadata"`
}

func byHand(ctx context.Context, c *http.Client, url string) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer token")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	var out exchangeReply
	return json.Unmarshal(raw, &out)
}

func guarded(tb testing.TB, adapter string, b *backend, client *bankmux.Client) func(context.Context) error {
	tb.Helper()
	exchange, tag := newExchange(tb, client, adapter)
	return func(ctx context.Context) error {
		b.tag = tag // one call at a time: the sessions of several clients share the server
		_, err := client.ExchangeToken(ctx, exchange)
		return err
	}
}

// BenchmarkExchange runs the ways in turn over loopback, one call each. It reports medians and
// ratios to the way by hand: of medians, and of processor time, which the server's is a part of.
func BenchmarkExchange(b *testing.B) {
	for _, adapter := range adapters {
		b.Run(adapter, func(b *testing.B) {
			back := &backend{}
			server := httptest.NewServer(back)
			defer server.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			all := ways(b, adapter, back, server.URL, transport)
			m := inTurn(b, all)
			name := strings.NewReplacer(" ", "-", ",", "")
			for w, median := range m.medians {
				b.ReportMetric(median/1000, name.Replace(all[w].name)+"-µs")
				if w > 0 {
					b.ReportMetric(median/m.medians[0], name.Replace(all[w].name)+"/hand")
					b.ReportMetric(m.cpu[w]/m.cpu[0], name.Replace(all[w].name)+"/hand-cpu")
				}
			}
			b.ReportMetric(m.medians[2]/m.medians[1], "guarded/resty")
			b.ReportMetric(m.cpu[2]/m.cpu[1], "guarded/resty-cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkAllocs counts the client's allocations, without a server.
func BenchmarkAllocs(b *testing.B) {
	for _, adapter := range adapters {
		back := &backend{}
		for _, w := range ways(b, adapter, back, "http://127.0.0.1", back) {
			b.Run(adapter+"/"+w.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := w.run(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestExchange(t *testing.T) {
	t.Run("every way sends the expected calls", everyWaySendsTheExpectedCalls)
	t.Run("a guarded one allocates at most 1.15 times as often as one by hand", aGuardedOneAllocatesLittleMore)
}

func aGuardedOneAllocatesLittleMore(t *testing.T) {
	for _, adapter := range adapters {
		back := &backend{}
		all := ways(t, adapter, back, "http://127.0.0.1", back)
		allocs := func(w way) float64 {
			return testing.AllocsPerRun(50, func() {
				if err := w.run(t.Context()); err != nil {
					t.Fatalf("%s, %s: %v", adapter, w.name, err)
				}
			})
		}
		if hand, guarded := allocs(all[0]), allocs(all[2]); guarded > 1.15*hand {
			t.Errorf("%s: %v allocations, by hand %v", adapter, guarded, hand)
		}
	}
}

// everyWaySendsTheExpectedCalls keeps the comparison honest between measurements.
func everyWaySendsTheExpectedCalls(t *testing.T) {
	for adapter, sent := range map[string]int{"moneykit": 1, "dapi": 2, "plaid": 3} {
		back := &backend{}
		for _, w := range ways(t, adapter, back, "http://127.0.0.1", back) {
			if err := w.run(t.Context()); err != nil { // the first call fetches the token too
				t.Fatalf("%s, %s: %v", adapter, w.name, err)
			}
			before := back.calls
			if err := w.run(t.Context()); err != nil {
				t.Fatalf("%s, %s: %v", adapter, w.name, err)
			}
			if got := back.calls - before; got != sent {
				t.Errorf("%s, %s: %d calls, want %d", adapter, w.name, got, sent)
			}
		}
	}
}
