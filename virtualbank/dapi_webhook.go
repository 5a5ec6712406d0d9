package virtualbank

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	dpStateChanged = "connection.state_changed"
	dpDeleted      = "connection.deleted"
	dpTransactions = "transactions.available"
)

// dpEvents are the bank's own names for what Dapi announces; Dapi publishes neither names nor the
// form of a body.
func dpEvents() []string { return []string{dpStateChanged, dpDeleted, dpTransactions} }

// dpWebhooks are what an application sets on Dapi's dashboard. Without URL nothing is announced.
type dpWebhooks struct {
	URL     string
	Encrypt bool // the body is {"data": base64 of IV and AES-CFB text}; where Dapi puts it is not known
	Legacy  bool // signed with dapi-ts and dapi-signature
}

// SetWebhooks says where and how Dapi's webhooks go from now on.
func (b *dpProvider) SetWebhooks(o dpWebhooks) {
	b.Lock()
	defer b.Unlock()
	b.hooks = o
}

// Secrets are what Dapi's dashboard shows for webhooks. Under the mutex.
func (b *dpProvider) Secrets() (svix []string, legacy, key string) {
	for _, s := range b.secrets {
		svix = append(svix, "whsec_"+base64.StdEncoding.EncodeToString(s))
	}
	return svix, b.legacy, base64.StdEncoding.EncodeToString(b.aesKey)
}

const forgedEmpty = "empty_secret"

// dpForgeries are the forgeries that only Dapi has, of its present scheme.
func dpForgeries() []coreForgery {
	return []coreForgery{
		{Name: forgedEmpty},
		{"id_missing", func(h http.Header) { h.Del("Svix-Id") }},
		{"id_twice", func(h http.Header) { h.Add("Svix-Id", h.Get("Svix-Id")) }},
		{"id_changed", func(h http.Header) { h.Set("Svix-Id", h.Get("Svix-Id")+"x") }},
		{"timestamp_missing", func(h http.Header) { h.Del("Svix-Timestamp") }},
		{"timestamp_changed", func(h http.Header) {
			at, _ := strconv.Atoi(h.Get("Svix-Timestamp"))
			h.Set("Svix-Timestamp", strconv.Itoa(at+1))
		}},
	}
}

// Sign returns the headers of a delivery of body.
func (b *dpProvider) Sign(key string, body []byte, s stamp) http.Header {
	secrets, legacy := b.secrets, b.legacy
	switch s.flaw {
	case forgedKey:
		secrets, legacy = [][]byte{b.hookGen.bytes(24)}, b.hookGen.alphanumeric(40)
	case forgedEmpty:
		secrets = [][]byte{{}}
	}
	header := http.Header{"Content-Type": {jsonType}}
	unix := strconv.FormatInt(s.at.Unix(), 10)
	if b.hooks.Legacy {
		header.Set("Dapi-Ts", unix)
		header.Set("Dapi-Signature", hmacOf([]byte(legacy), unix, string(body)))
		return header
	}
	var all []string
	for _, secret := range secrets {
		all = append(all, "v1,"+hmacOf(secret, key, ".", unix, ".", string(body)))
	}
	header.Set("Svix-Id", key)
	header.Set("Svix-Timestamp", unix)
	header.Set("Svix-Signature", strings.Join(all, " "))
	return header
}

// Token returns "": Dapi's deliveries have none.
func (*dpProvider) Token() string { return "" }

// Rotate lets Dapi sign with a new secret beside the old ones.
func (b *dpProvider) Rotate() { b.secrets = slices.Insert(b.secrets, 0, b.hookGen.bytes(24)) }

// Retire forgets all but the newest secret.
func (b *dpProvider) Retire() { b.secrets = b.secrets[:1] }

// Address returns the dashboard's address for webhooks.
func (b *dpProvider) Address(string) string { return b.hooks.URL }

// Seal returns a body as it is sent.
func (b *dpProvider) Seal(body []byte) []byte {
	if b.hooks.Encrypt {
		return b.encrypt(body)
	}
	return body
}

var dpPauses = []time.Duration{
	5 * time.Second,
	5 * time.Minute,
	30 * time.Minute,
	2 * time.Hour,
	5 * time.Hour,
	10 * time.Hour,
	10 * time.Hour,
}

// Pause returns how long after a failed attempt the next one follows.
func (*dpProvider) Pause(attempts int, _ time.Duration) (time.Duration, bool) {
	if attempts > len(dpPauses) {
		return 0, false
	}
	return dpPauses[attempts-1], true
}

// Payload returns the members of a webhook's body.
func (b *dpProvider) Payload(w coreWebhook) map[string]any {
	members := map[string]any{
		"event":        w.Event,
		"connectionID": w.Reference,
		"occurredAt":   w.At.UTC().Format(time.RFC3339Nano),
	}
	c, known := b.connections[w.Reference]
	if known {
		members["userID"] = c.userID
	}
	if w.Event == dpStateChanged {
		members["state"] = "connected"
		if known && c.lapsed {
			members["state"], members["errorType"] = "error", "INVALID_CREDENTIALS"
		}
	}
	return members
}

// announceDapi puts a webhook of a connection into the outbox, if the dashboard has an address for
// it.
func (b *dpProvider) announceDapi(c *connection, event string, members map[string]any) {
	if b.hooks.URL == "" || c.exchanged == 0 {
		return
	}
	b.outbox.Announce(
		b.hooks.URL,
		coreWebhook{Provider: dpName, Event: event, Reference: c.id, Members: members, At: b.Now()},
	)
}

func hmacOf(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// encrypt is what Dapi's SDK decrypts: base64 of an IV and AES-CFB text.
func (b *dpProvider) encrypt(plain []byte) []byte {
	block, err := aes.NewCipher(b.aesKey)
	if err != nil {
		panic(err) // the key was made here
	}
	out := append(b.hookGen.bytes(aes.BlockSize), plain...)
	stream := cipher.NewCFBEncrypter(block, out[:aes.BlockSize]) //nolint:staticcheck // Dapi's choice
	stream.XORKeyStream(out[aes.BlockSize:], plain)
	body, err := json.Marshal(map[string]string{"data": base64.StdEncoding.EncodeToString(out)})
	if err != nil {
		panic(err) // text
	}
	return body
}
