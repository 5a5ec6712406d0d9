package webhook_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/webhook"
)

// TestJWTAttack specifies that each known attack on the verification of tokens fails.
func TestJWTAttack(t *testing.T) {
	t.Parallel()
	t.Run("a token without a signature is refused", aTokenWithoutASignatureIsRefused)
	t.Run("a public key is never a shared secret", aPublicKeyIsNeverASharedSecret)
	t.Run("the id of a key is only compared", theIDOfAKeyIsOnlyCompared)
	t.Run("a key that the token brings is not used", aKeyThatTheTokenBringsIsNotUsed)
	t.Run("a base64 text has one spelling", aBase64TextHasOneSpelling)
	t.Run("numbers outside of the group are refused", numbersOutsideOfTheGroupAreRefused)
	t.Run("a signature has two numbers of 32 bytes", aSignatureHasTwoNumbersOf32Bytes)
	t.Run("only the compact form is read", onlyTheCompactFormIsRead)
	t.Run("a header is one plain JSON object", aHeaderIsOnePlainJSONObject)
}

// encode is base64 as tokens have it.
func encode[T ~string | ~[]byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// genuine returns the three parts of a token that holds.
func (s *signer) genuine() (head, claims, signature string) {
	s.t.Helper()
	parts := strings.Split(s.token(body, nil), ".")
	require.Len(s.t, parts, 3)
	return parts[0], parts[1], parts[2]
}

// under signs genuine claims under a header of any text.
func (s *signer) under(header string) string {
	s.t.Helper()
	_, claims, _ := s.genuine()
	return s.sign(encode(header) + "." + claims)
}

// accepts fails unless the verifier accepts the token, so that the attacks on it prove something.
func accepts(t *testing.T, v webhook.Verifier, token string) {
	t.Helper()
	_, err := v.Verify(t.Context(), signed(token))
	require.NoError(t, err)
}

func aTokenWithoutASignatureIsRefused(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	_, claims, signature := s.genuine()
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "", "es256", "ES256 ", "ES384", "ES256K", "PS256", "EdDSA",
	} {
		header := `{"alg":"` + alg + `","kid":"k1"}`
		for why, token := range map[string]string{
			"no signature":        encode(header) + "." + claims + ".",
			"an old signature":    encode(header) + "." + claims + "." + signature,
			"a genuine signature": s.under(header),
		} {
			refuses(t, v, signed(token), "alg "+alg+", "+why)
		}
	}
	for _, header := range []string{
		`{"kid":"k1"}`, `{"alg":null,"kid":"k1"}`, `{"alg":["ES256"],"kid":"k1"}`, `{"alg":256,"kid":"k1"}`,
	} {
		refuses(t, v, signed(s.under(header)), header)
	}
	head, _, _ := s.genuine()
	refuses(t, v, signed(head+"."+claims+"."), "ES256, no signature")
	accepts(t, v, s.under(`{"alg":"ES256","kid":"k1"}`))
}

func aPublicKeyIsNeverASharedSecret(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	require.NoError(t, err)
	point, err := s.key.Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	_, claims, _ := s.genuine()
	for name, secret := range map[string][]byte{
		"PEM":   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"DER":   der,
		"JWK":   s.jwk(),
		"point": point,
		"empty": {},
	} {
		for _, alg := range []string{"HS256", "hs256", "ES256"} {
			text := encode(`{"alg":"`+alg+`","kid":"k1"}`) + "." + claims
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(text))
			refuses(t, v, signed(text+"."+encode(h.Sum(nil))), alg+" with the key as "+name)
		}
	}
}

func theIDOfAKeyIsOnlyCompared(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	for name, c := range map[string]struct {
		kid     string // JSON
		fetched string // the id that is requested, "" for none
	}{
		"a path":                {`"../../../../dev/null"`, "../../../../dev/null"},
		"a URL":                 {`"https://evil.test/jwks"`, "https://evil.test/jwks"},
		"SQL":                   {`"k1' OR '1'='1"`, "k1' OR '1'='1"},
		"another case":          {`"K1"`, "K1"},
		"a blank":               {`"k1 "`, "k1 "},
		"a letter that is like": {`"ｋ1"`, "ｋ1"},
		"256 bytes":             {`"` + strings.Repeat("k", 256) + `"`, strings.Repeat("k", 256)},
		"257 bytes":             {`"` + strings.Repeat("k", 257) + `"`, ""},
		"a NUL":                 {`"k1\u0000"`, ""},
		"a line break":          {`"k1\r\nX-Injected: 1"`, ""},
		"an escape character":   {`"\u001b[2Jk1"`, ""},
		"a C1 character":        {`"k1\u0085"`, ""},
		"DEL":                   {`"k1\u007f"`, ""},
		"half a surrogate":      {`"k1\ud800"`, ""},
		"nothing":               {`""`, ""},
		"null":                  {`null`, ""},
		"a number":              {`1`, ""},
		"a list":                {`["k1"]`, ""},
		"an object":             {`{"k1":"k1"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := s.under(`{"alg":"ES256","kid":` + c.kid + `}`)
			refuses(t, jwt(t, set(s.jwk()), nil), signed(token), "in a set")
			var fetched []string
			byID := webhook.NewKeyByID(func(_ context.Context, id string) (webhook.Key, error) {
				fetched = append(fetched, id)
				return webhook.Key{JWK: s.jwk()}, nil // whatever was asked for
			})
			refuses(t, jwt(t, byID, nil), signed(token), "by id")
			if c.fetched == "" {
				assert.Empty(t, fetched)
			} else {
				assert.Equal(t, []string{c.fetched}, fetched)
			}
		})
	}
	v := jwt(t, set(s.jwk()), nil)
	refuses(t, v, signed(s.under(`{"alg":"ES256"}`)), "no id")
	accepts(t, v, s.under(`{"alg":"ES256","kid":"\u006b1"}`))
}

func aKeyThatTheTokenBringsIsNotUsed(t *testing.T) {
	t.Parallel()
	s, attacker := newSigner(t, "k1"), newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, attacker.key.Public(), attacker.key)
	require.NoError(t, err)
	certificate, err := json.Marshal([]string{base64.StdEncoding.EncodeToString(der)})
	require.NoError(t, err)
	for name, member := range map[string]string{
		"jwk":      `"jwk":` + string(attacker.jwk()),
		"jku":      `"jku":"https://evil.test/jwks.json"`,
		"x5c":      `"x5c":` + string(certificate),
		"x5u":      `"x5u":"https://evil.test/chain.pem"`,
		"x5t":      `"x5t#S256":"` + encode("planted") + `"`,
		"jwk, oct": `"jwk":{"kty":"oct","k":"AAAA","kid":"k1"}`,
	} {
		for _, kid := range []string{`"kid":"k1",`, `"kid":"evil",`, ""} {
			refuses(t, v, signed(attacker.under(`{"alg":"ES256",`+kid+member+`}`)), name+" "+kid)
		}
		genuine := signed(s.under(`{"alg":"ES256","kid":"k1",` + member + `}`))
		if strings.HasPrefix(name, "x5t") { // a digest
			_, err := v.Verify(t.Context(), genuine)
			require.NoError(t, err)
			continue
		}
		refuses(t, v, genuine, name+" signed by the published key")
	}
}

func aBase64TextHasOneSpelling(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// Header and claims leave 2 and 4 unused bits in turn, so that each kind occurs in each part.
	for _, pad := range []string{"", " ", "  "} {
		head := encode(`{"alg":"ES256","kid":"k1"}` + pad)
		_, text, _ := s.genuine()
		raw, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		claims := encode(string(raw) + pad)
		accepts(t, v, s.sign(head+"."+claims))
		for _, at := range []int{0, 1, 2} {
			spell := func(how func(part string) string) string {
				parts := []string{head, claims, ""}
				if at < 2 {
					parts[at] = how(parts[at])
				}
				token := s.sign(parts[0] + "." + parts[1])
				if at < 2 {
					return token
				}
				cut := strings.LastIndexByte(token, '.') + 1
				return token[:cut] + how(token[cut:])
			}
			for name, how := range map[string]func(string) string{
				"padding":         func(p string) string { return p + "=" },
				"two of padding":  func(p string) string { return p + "==" },
				"a line feed":     func(p string) string { return p[:4] + "\n" + p[4:] },
				"CR and LF":       func(p string) string { return p + "\r\n" },
				"a blank":         func(p string) string { return p[:8] + " " + p[8:] },
				"the other sort":  func(p string) string { return "+" + p[1:] },
				"one digit":       func(p string) string { return p + "A" },
				"a NUL":           func(p string) string { return p + "\x00" },
				"a percent":       func(p string) string { return "%65" + p[1:] },
				"a wide letter":   func(p string) string { return "ｅ" + p[1:] },
				"an empty string": func(string) string { return "" },
			} {
				refuses(t, v, signed(spell(how)), name)
			}
			accepts(t, v, spell(func(p string) string { return p }))
			refusesUnusedBits(t, v, digits, spell)
		}
	}
}

// refusesUnusedBits fails if a part whose unused bits are set is accepted.
func refusesUnusedBits(t *testing.T, v webhook.Verifier, digits string, spell func(func(string) string) string) {
	t.Helper()
	unused := 0
	spell(func(p string) string { unused = []int{0, 0, 4, 2}[len(p)%4]; return p })
	for bits := 1; bits < 1<<unused; bits++ {
		refuses(t, v, signed(spell(func(p string) string {
			last := strings.IndexByte(digits, p[len(p)-1])
			return p[:len(p)-1] + string(digits[last|bits])
		})), "unused bits")
	}
}

func numbersOutsideOfTheGroupAreRefused(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	head, claims, signature := s.genuine()
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	require.NoError(t, err)
	r, sNumber := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	n, p := elliptic.P256().Params().N, elliptic.P256().Params().P
	with := func(r, s *big.Int) string {
		return head + "." + claims + "." +
			encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	zero, one := new(big.Int), big.NewInt(1)
	top := new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)
	odd := map[string]*big.Int{
		"0": zero, "1": one, "n-1": new(big.Int).Sub(n, one), "n": n, "n+1": new(big.Int).Add(n, one), "p": p, "2^256-1": top,
	}
	for name, x := range odd {
		refuses(t, v, signed(with(x, sNumber)), "r is "+name)
		refuses(t, v, signed(with(r, x)), "s is "+name)
		for other, y := range odd {
			refuses(t, v, signed(with(x, y)), "r is "+name+", s is "+other)
		}
	}
	accepts(t, v, with(r, sNumber))
	t.Run("the second of the two values of s is accepted, as RFC 7518 has no rule against it", func(t *testing.T) {
		accepts(t, v, with(r, new(big.Int).Sub(n, sNumber)))
	})
	refuses(t, v, signed(with(sNumber, r)), "r and s exchanged")
}

func aSignatureHasTwoNumbersOf32Bytes(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	head, claims, signature := s.genuine()
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	require.NoError(t, err)
	for name, sig := range map[string][]byte{
		"ASN.1":              der,
		"63 bytes":           raw[:63],
		"65 bytes":           append(raw[:64:64], 0),
		"a zero before":      append([]byte{0}, raw...),
		"zeros before both":  append(append([]byte{0}, raw[:32]...), append([]byte{0}, raw[32:]...)...),
		"a zero before s":    append(append(raw[:32:32], 0), raw[32:]...),
		"only r":             raw[:32],
		"twice":              append(raw[:64:64], raw...),
		"the size of P-384":  append(append(make([]byte, 16), raw[:32]...), append(make([]byte, 16), raw[32:]...)...),
		"one byte":           {1},
		"the size of an RSA": make([]byte, 256),
	} {
		refuses(t, v, signed(head+"."+claims+"."+encode(sig)), name)
	}
	accepts(t, v, head+"."+claims+"."+encode(raw))
	for at, name := range map[int]string{0: "r", 32: "s"} {
		t.Run("the first byte of "+name+" may be zero", func(t *testing.T) {
			for { // about 512 times
				token := s.sign(head + "." + claims)
				raw, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
				require.NoError(t, err)
				if raw[at] == 0 && raw[at+1] < 0x80 { // ASN.1 has no such zero
					accepts(t, v, token)
					return
				}
			}
		})
	}
}

func onlyTheCompactFormIsRead(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	head, claims, signature := s.genuine()
	good := head + "." + claims + "." + signature
	accepts(t, v, good)
	for name, token := range map[string]string{
		"one part":                head,
		"two parts":               head + "." + claims,
		"four parts":              good + "." + signature,
		"four, the last is empty": good + ".",
		"five parts":              good + "." + signature + "." + signature,
		"JWE":                     encode(`{"alg":"dir","enc":"A128GCM","kid":"k1"}`) + ".." + encode("iv") + "." + claims + "." + encode("tag"),
		"only dots":               "..",
		"a dot before":            "." + good,
		"a detached payload":      head + ".." + signature,
		"a signed empty payload":  s.sign(head + "."),
		"a blank before":          " " + good,
		"a blank behind":          good + " ",
		"a tab":                   good + "\t",
		"a line feed":             good + "\n",
		"a NUL":                   good + "\x00",
		"a quoted token":          `"` + good + `"`,
		"flattened JSON":          `{"payload":"` + claims + `","protected":"` + head + `","signature":"` + signature + `"}`,
		"general JSON":            `{"payload":"` + claims + `","signatures":[{"protected":"` + head + `","signature":"` + signature + `"}]}`,
		"two tokens":              good + good,
		"two with a comma":        good + ", " + good,
	} {
		refuses(t, v, signed(token), name)
	}
}

func aHeaderIsOnePlainJSONObject(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "k1")
	v := jwt(t, set(s.jwk()), nil)
	accepts(t, v, s.under(`{ "alg" : "ES256", "kid" : "k1", "new" : [ { "a" : 1 } ] }`))
	for name, header := range map[string]string{
		"alg twice":             `{"alg":"none","alg":"ES256","kid":"k1"}`,
		"kid twice":             `{"alg":"ES256","kid":"k2","kid":"k1"}`,
		"twice by an escape":    `{"alg":"ES256","\u0061lg":"ES256","kid":"k1"}`,
		"another member twice":  `{"alg":"ES256","kid":"k1","x":1,"x":1}`,
		"a nested member twice": `{"alg":"ES256","kid":"k1","x":{"y":1,"y":1}}`,
		"in another case":       `{"ALG":"ES256","kid":"k1"}`,
		"twice in another case": `{"alg":"ES256","Alg":"none","kid":"k1"}`,
		"a list":                `[{"alg":"ES256","kid":"k1"}]`,
		"null":                  `null`,
		"a text":                `"ES256"`,
		"nothing":               ``,
		"two objects":           `{"alg":"ES256","kid":"k1"}{}`,
		"cut":                   `{"alg":"ES256","kid":"k1"`,
		"a byte order mark":     "\ufeff" + `{"alg":"ES256","kid":"k1"}`,
		"bad UTF-8":             "{\"alg\":\"ES256\",\"kid\":\"k1\",\"x\":\"\xff\"}",
		"a comment":             `{"alg":"ES256","kid":"k1"/**/}`,
		"a trailing comma":      `{"alg":"ES256","kid":"k1",}`,
		"deep nesting":          `{"alg":"ES256","kid":"k1","x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		"an extension":          `{"alg":"ES256","kid":"k1","crit":["x"],"x":1}`,
		"an extension, known":   `{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`,
		"no list of extensions": `{"alg":"ES256","kid":"k1","crit":null}`,
		"an empty list of them": `{"alg":"ES256","kid":"k1","crit":[]}`,
		"b64 false":             `{"alg":"ES256","kid":"k1","b64":false}`,
		"b64 true":              `{"alg":"ES256","kid":"k1","b64":true}`,
		"b64 and crit":          `{"alg":"ES256","kid":"k1","b64":true,"crit":["b64"]}`,
		"crit by an escape":     `{"alg":"ES256","kid":"k1","\u0063rit":["x"],"x":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, v, signed(s.under(header)), name)
		})
	}
}
