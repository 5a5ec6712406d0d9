package virtualbank

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DefaultIssuer signs MoneyKit's webhooks unless [Options.WebhookIssuer] says otherwise.
const DefaultIssuer = "https://api.moneykit.com"

// hooks is what the bank signs webhooks with, and those it has not delivered yet. It draws from a
// generator of its own, so that a bank whose application takes webhooks hands out the same ids as
// one whose application does not. It is guarded by the bank's mutex.
type hooks struct {
	gen     *generator
	keys    []signingKey // MoneyKit's, newest first; all are published
	secrets [][]byte     // Dapi's, newest first; all sign
	legacy  string
	aesKey  []byte
	outbox
}

type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

func newHooks(seed uint64, first signingKey) hooks {
	g := newGenerator(seed + 1<<63)
	return hooks{
		gen:     g,
		keys:    []signingKey{first},
		secrets: [][]byte{g.bytes(24)},
		legacy:  g.alphanumeric(40),
		aesKey:  g.bytes(32),
	}
}

// RotateWebhookKeys lets MoneyKit sign with a new key and publish the old one beside it, and Dapi
// sign with a new secret beside the old one.
func (b *Bank) RotateWebhookKeys() {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &b.hooks
	h.keys = slices.Insert(h.keys, 0, signingKey{h.gen.urlSafe(40), h.gen.signingKey()})
	h.secrets = slices.Insert(h.secrets, 0, h.gen.bytes(24))
}

// RetireWebhookKeys forgets all but the newest key and secret.
func (b *Bank) RetireWebhookKeys() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hooks.keys, b.hooks.secrets = b.hooks.keys[:1], b.hooks.secrets[:1]
}

// WebhookSecrets are what Dapi's dashboard shows for webhooks: the secrets that sign now, newest
// first, the secret of the older scheme, and the AES key of encrypted payloads.
func (b *Bank) WebhookSecrets() (svix []string, legacy, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.hooks.secrets {
		svix = append(svix, "whsec_"+base64.StdEncoding.EncodeToString(s))
	}
	return svix, b.hooks.legacy, base64.StdEncoding.EncodeToString(b.hooks.aesKey)
}

// stamp is how a delivery is signed; forgeries change it.
type stamp struct {
	at       time.Time
	key      signingKey
	issuer   string
	noDigest bool
	secrets  [][]byte
	legacy   string
	alg      string // "" is ES256
	attempt  int
	delivery string // MoneyKit's delivery token; "" draws one
}

func (b *Bank) stamp() stamp {
	issuer := b.opts.WebhookIssuer
	if issuer == "" {
		issuer = DefaultIssuer
	}
	at := b.Now()
	if b.opts.MachineTimeWebhooks {
		at = time.Now()
	}
	return stamp{
		at:      at,
		key:     b.hooks.keys[0],
		issuer:  issuer,
		secrets: b.hooks.secrets,
		legacy:  b.hooks.legacy,
		attempt: 1,
	}
}

// signed returns the headers of a delivery of body.
func (b *Bank) signed(provider, key string, body []byte, s stamp) http.Header {
	header := http.Header{"Content-Type": {jsonType}}
	switch {
	case provider == providerMoneyKit:
		header.Set("MoneyKit-Signature", s.token(body))
		if s.delivery == "" {
			s.delivery = b.hooks.gen.uuid()
		}
		header.Set("MoneyKit-Delivery-Token", s.delivery)
		header.Set("MoneyKit-Delivery-Attempt", strconv.Itoa(s.attempt))
	case b.dapiHooks.Legacy:
		unix := strconv.FormatInt(s.at.Unix(), 10)
		header.Set("Dapi-Ts", unix)
		header.Set("Dapi-Signature", hmacOf([]byte(s.legacy), unix, string(body)))
	default:
		unix := strconv.FormatInt(s.at.Unix(), 10)
		var all []string
		for _, secret := range s.secrets {
			all = append(all, "v1,"+hmacOf(secret, key, ".", unix, ".", string(body)))
		}
		header.Set("Svix-Id", key)
		header.Set("Svix-Timestamp", unix)
		header.Set("Svix-Signature", strings.Join(all, " "))
	}
	return header
}

// token is the JWT of a MoneyKit delivery.
func (s stamp) token(body []byte) string {
	digest := sha256.Sum256(body)
	claims := map[string]any{"iss": s.issuer, "iat": s.at.Unix(), "request_body_sha256": hex.EncodeToString(digest[:])}
	if s.noDigest {
		delete(claims, "request_body_sha256")
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err) // text and a number
	}
	key := jose.SigningKey{Algorithm: jose.ES256, Key: s.key.key}
	switch s.alg {
	case "none":
		text := base64.RawURLEncoding.EncodeToString
		return text([]byte(`{"alg":"none","kid":"`+s.key.id+`","typ":"JWT"}`)) + "." + text(payload) + "."
	case "HS256": // what a verifier that lets the header choose would check with the key it has
		point, err := s.key.key.PublicKey.Bytes()
		if err != nil {
			panic(err) // the key was made here
		}
		key = jose.SigningKey{Algorithm: jose.HS256, Key: point}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.key.id))
	if err != nil {
		panic(err) // the key was made here
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err) // nothing of it depends on the payload
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err) // there is one signature
	}
	return token
}

func hmacOf(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// encrypt is what Dapi's SDK decrypts: base64 of an IV and AES-CFB text.
func (h *hooks) encrypt(plain []byte) []byte {
	block, err := aes.NewCipher(h.aesKey)
	if err != nil {
		panic(err) // the key was made here
	}
	out := append(h.gen.bytes(aes.BlockSize), plain...)
	stream := cipher.NewCFBEncrypter(block, out[:aes.BlockSize]) //nolint:staticcheck // Dapi's choice
	stream.XORKeyStream(out[aes.BlockSize:], plain)
	body, err := json.Marshal(map[string]string{"data": base64.StdEncoding.EncodeToString(out)})
	if err != nil {
		panic(err) // text
	}
	return body
}
