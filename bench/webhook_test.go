package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/inbox"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
)

const hookBody = `{"webhook_event":"link.state_changed","webhook_major_version":1,"webhook_minor_version":0,` +
	`"webhook_timestamp":"2026-11-20T14:03:27.418502+00:00",` +
	`"webhook_idempotency_key":"c0a8f3de-6f0e-4c19","link_id":"mk_7RkVhQ2mTz4XwPdLb9NcGa",` +
	`"link_tags":["tier:gold"],"state":"error","error":"auth_expired","error_message":"The user must sign in again."}`

const dapiHookBody = `{"event":"connection.state_changed","connectionID":"conn-1","userID":"u","state":"error",` +
	`"errorType":"INVALID_CREDENTIALS","occurredAt":"2026-11-20T14:00:00Z"}`

const plaidHookBody = `{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE",` +
	`"item_id":"Ed6bjNrDLJfGvZWwnkQlfxwoNz54B5C97ejBr","initial_update_complete":true,` +
	`"historical_update_complete":true,"environment":"sandbox"}`

var hookSecret = bytes.Repeat([]byte("s"), 24)

// publisher serves the public key and signs with the private one.
type publisher struct{ key *ecdsa.PrivateKey }

func newPublisher(b testing.TB) publisher {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return publisher{key}
}

func (p publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	key := jose.JSONWebKey{Key: &p.key.PublicKey, KeyID: "k1", Use: "sig", Algorithm: "ES256"}
	var body any = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}
	if strings.HasSuffix(r.URL.Path, "/webhook_verification_key/get") {
		body = map[string]any{"key": key}
	}
	raw, err := json.Marshal(body)
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(raw)),
		Request:    r,
	}, err
}

func (p publisher) sign(body []byte) string {
	digest := sha256.Sum256(body)
	text := base64.RawURLEncoding.EncodeToString(
		[]byte(`{"alg":"ES256","typ":"JWT","kid":"k1"}`),
	) + "." + base64.RawURLEncoding.EncodeToString(
		fmt.Appendf(
			nil,
			`{"iss":"https://api.moneykit.com","iat":%d,"request_body_sha256":"%x"}`,
			time.Now().Unix(),
			digest,
		),
	)
	sum := sha256.Sum256([]byte(text))
	r, s, _ := ecdsa.Sign(rand.Reader, p.key, sum[:])
	return text + "." + base64.RawURLEncoding.EncodeToString(
		append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...),
	)
}

func svixHeader(id string, body []byte) http.Header {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	h := hmac.New(sha256.New, hookSecret)
	h.Write([]byte(id + "." + stamp + "."))
	h.Write(body)
	return http.Header{
		"Svix-Id":        {id},
		"Svix-Timestamp": {stamp},
		"Svix-Signature": {"v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))},
	}
}

func hookClients(b testing.TB, p publisher) (mk, dp, pl *bankmux.Client) {
	secret := bankmux.NewSecret("secret")
	mk, err := moneykit.New(moneykit.Config{
		ClientID: "id", ClientSecret: secret, Environment: bankmux.Sandbox, BaseURL: "https://moneykit.test",
		HTTPClient: &http.Client{Transport: p},
	})
	if err != nil {
		b.Fatal(err)
	}
	dp, err = dapi.New(dapi.Config{
		AppKey: "key", AppSecret: secret, Environment: bankmux.Sandbox,
		Webhook: dapi.WebhookConfig{
			Secrets: []bankmux.Secret{bankmux.NewSecret("whsec_" + base64.StdEncoding.EncodeToString(hookSecret))},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	pl, err = plaid.New(plaid.Config{
		ClientID: "id", Secret: secret, Environment: bankmux.Sandbox, BaseURL: "https://plaid.test",
		HTTPClient: &http.Client{Transport: p},
	})
	if err != nil {
		b.Fatal(err)
	}
	return mk, dp, pl
}

// es256ByHand is what a careful team writes: signature, time, issuer if there is one, digest, and
// the members of event.
func es256ByHand(key *ecdsa.PublicKey, signature, issuer string, body []byte, event any) error {
	parts := strings.Split(signature, ".")
	if len(parts) != 3 {
		return io.ErrUnexpectedEOF
	}
	var head struct{ Alg, Kid string }
	var claims struct {
		Iss    string
		Iat    int64
		Digest string `json:"request_body_sha256"`
	}
	for i, v := range []any{&head, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, v); err != nil {
			return err
		}
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 || head.Alg != "ES256" || head.Kid != "k1" {
		return io.ErrUnexpectedEOF
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	digest := sha256.Sum256(body)
	age := time.Since(time.Unix(claims.Iat, 0))
	if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) ||
		issuer != "" && claims.Iss != issuer || age > 3*time.Hour || age < -5*time.Minute ||
		subtle.ConstantTimeCompare([]byte(claims.Digest), []byte(hex.EncodeToString(digest[:]))) != 1 {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(body, event)
}

func svixByHand(header http.Header, body []byte) error {
	stamp := header.Get("Svix-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(at, 0)); err != nil || age > 5*time.Minute || age < -5*time.Minute {
		return io.ErrUnexpectedEOF
	}
	h := hmac.New(sha256.New, hookSecret)
	h.Write([]byte(header.Get("Svix-Id") + "." + stamp + "."))
	h.Write(body)
	expected := h.Sum(nil)
	for text := range strings.FieldsSeq(header.Get("Svix-Signature")) {
		if given, err := base64.StdEncoding.DecodeString(
			strings.TrimPrefix(text, "v1,"),
		); err == nil &&
			hmac.Equal(given, expected) {
			return json.Unmarshal(body, new(hookEvent))
		}
	}
	return io.ErrUnexpectedEOF
}

// hookEvent has the members of a delivery that are read by hand.
type hookEvent struct {
	Event string `json:"webhook_event"`
	Link  string `json:"link_id"`
	State string `json:"state"`
}

// plaidEvent is the same for Plaid.
type plaidEvent struct {
	Type string `json:"webhook_type"`
	Code string `json:"webhook_code"`
	Item string `json:"item_id"`
}

// BenchmarkVerify reads and verifies a delivery, in turn with the same by hand. Times are medians
// of rounds of 100. The ratio of processor times barely depends on what else the machine does.
func BenchmarkVerify(b *testing.B) {
	p := newPublisher(b)
	mk, dp, pl := hookClients(b, p)
	body, dapiBody, plaidBody := []byte(hookBody), []byte(dapiHookBody), []byte(plaidHookBody)
	mkHeader, dpHeader := http.Header{"Moneykit-Signature": {p.sign(body)}}, svixHeader("msg_1", dapiBody)
	plHeader := http.Header{"Plaid-Verification": {p.sign(plaidBody)}}
	read := func(client *bankmux.Client, header http.Header, body []byte) func() error {
		return func() error {
			_, err := client.ReadWebhook(context.Background(), bankmux.NewWebhookRequest(header, body))
			return err
		}
	}
	for name, pair := range map[string][2]func() error{
		"ES256": {
			read(mk, mkHeader, body),
			func() error {
				signature := mkHeader.Get("MoneyKit-Signature")
				return es256ByHand(&p.key.PublicKey, signature, "https://api.moneykit.com", body, new(hookEvent))
			},
		},
		"ES256-Plaid": {
			read(pl, plHeader, plaidBody),
			func() error {
				return es256ByHand(&p.key.PublicKey, plHeader.Get("Plaid-Verification"), "", plaidBody, new(plaidEvent))
			},
		},
		"HMAC": {
			read(dp, dpHeader, dapiBody),
			func() error { return svixByHand(dpHeader, dapiBody) },
		},
	} {
		b.Run(name, func(b *testing.B) {
			hundred := func(f func() error) func(context.Context) error {
				return func(context.Context) error {
					for range 100 {
						if err := f(); err != nil {
							return err
						}
					}
					return nil
				}
			}
			m := inTurn(b, []way{{"bankmux", hundred(pair[0])}, {"by hand", hundred(pair[1])}})
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(m.medians[0]/100/1000, "µs")
			b.ReportMetric(m.medians[0]/m.medians[1], "of-by-hand")
			b.ReportMetric(m.cpu[0]/m.cpu[1], "cpu-of-by-hand")
			b.ReportMetric(testing.AllocsPerRun(100, func() { _ = pair[0]() }), "allocs")
			b.ReportMetric(testing.AllocsPerRun(100, func() { _ = pair[1]() }), "allocs-by-hand")
		})
	}
}

// BenchmarkInbox takes deliveries over loopback connections, in turn with a handler that does
// nothing. Half are of each provider, and one in four is a duplicate.
func BenchmarkInbox(b *testing.B) {
	p := newPublisher(b)
	mk, dp, _ := hookClients(b, p)
	registry, err := bankmux.NewRegistry([]*bankmux.Client{mk, dp}, []bankmux.Route{{Client: mk.Name()}})
	if err != nil {
		b.Fatal(err)
	}
	var handled atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/hooks/", inbox.New(registry, func(context.Context, bankmux.Event) error {
		handled.Add(1)
		return nil
	}))
	mux.HandleFunc("/nothing/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	server := httptest.NewServer(mux)
	defer server.Close()
	const senders, batch = 16, 4000
	transport := &http.Transport{MaxIdleConnsPerHost: senders}
	defer transport.CloseIdleConnections()

	type post struct {
		path   string
		header http.Header
		body   []byte
	}
	round := 0
	posts := func() []post {
		round++
		all := make([]post, 0, batch)
		for i := range batch / 4 * 3 {
			id := fmt.Sprintf("%d-%d", round, i)
			if i%2 == 0 {
				body := []byte(strings.Replace(hookBody, "c0a8f3de-6f0e-4c19", id, 1))
				all = append(
					all,
					post{
						"moneykit",
						http.Header{"Content-Type": {"application/json"}, "Moneykit-Signature": {p.sign(body)}},
						body,
					},
				)
				continue
			}
			h := svixHeader(id, []byte(hookBody))
			h.Set("Content-Type", "application/json")
			all = append(all, post{"dapi", h, []byte(hookBody)})
		}
		return append(all, all[:batch/4]...)
	}
	send := func(base string, all []post) time.Duration {
		began := time.Now()
		var next atomic.Int64
		var wait sync.WaitGroup
		for range senders {
			wait.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(all) {
						return
					}
					req, _ := http.NewRequest(
						http.MethodPost,
						server.URL+base+all[i].path,
						bytes.NewReader(all[i].body),
					)
					req.Header = all[i].header.Clone()
					res, err := transport.RoundTrip(req)
					if err != nil || res.StatusCode != http.StatusOK {
						b.Error(err, res)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
		}
		wait.Wait()
		return time.Since(began)
	}
	var inboxTook, nothingTook time.Duration
	for b.Loop() {
		b.StopTimer()
		all := posts()
		b.StartTimer()
		nothingTook += send("/nothing/", all)
		inboxTook += send("/hooks/", all)
	}
	if want := int64(b.N * batch / 4 * 3); handled.Load() != want {
		b.Fatalf("%d handled, not %d", handled.Load(), want)
	}
	n := float64(b.N * batch)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/inboxTook.Seconds(), "deliveries/s")
	b.ReportMetric(n/nothingTook.Seconds(), "empty/s")
	b.ReportMetric(float64(inboxTook)/float64(nothingTook), "of-empty")
}
