package rest_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/bankmux/bankmux/internal/wirefault"
)

// hiding is a connection that does not show its TLS, such as one of middleware that counts bytes.
type hiding struct{ net.Conn }

// plainly sends to a server with TLS what was written for one without.
type plainly struct{ http.RoundTripper }

func (p plainly) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(r)
}

// http2Hidden is a transport of net/http whose type and settings do not show that it speaks HTTP/2,
// and whose connections do not either.
func http2Hidden(scheme string) func(http.RoundTripper) http.RoundTripper {
	return func(rt http.RoundTripper) http.RoundTripper {
		inner := &http.Transport{Protocols: new(http.Protocols)}
		inner.Protocols.SetUnencryptedHTTP2(true)
		outer := &http.Transport{}
		if scheme == "http" {
			outer.RegisterProtocol(scheme, inner)
			return outer
		}
		config := rt.(*http.Transport).TLSClientConfig.Clone()
		config.NextProtos = []string{"h2"}
		inner.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
			return hiding{c}, err
		}
		outer.RegisterProtocol(scheme, plainly{inner})
		return outer
	}
}

// valueless is middleware that gives requests a context without the values of the caller's.
type valueless struct{ http.RoundTripper }

type withoutValues struct{ context.Context }

func (withoutValues) Value(any) any { return nil }

func (v valueless) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := withoutValues{r.Context()}
	return v.RoundTripper.RoundTrip(r.WithContext(ctx))
}

// TestOnceOverACallersTransport specifies that a request arrives once through a caller's transport.
func TestOnceOverACallersTransport(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]struct {
		secure  bool
		through func(http.RoundTripper) http.RoundTripper
		bodied  bool // only requests with a body are held
	}{
		"registered for http":  {secure: false, through: http2Hidden("http")},
		"registered for https": {secure: true, through: http2Hidden("https")},
		"middleware": {
			secure: true, through: func(rt http.RoundTripper) http.RoundTripper { return keying{rt} },
		},
		"middleware without its trace": {
			secure: true, through: func(rt http.RoundTripper) http.RoundTripper { return valueless{rt} }, bodied: true,
		},
	} {
		for _, f := range wirefault.HTTP2() {
			if f.Name != "http2_refused" && f.Name != "http2_goaway_before_cut" && f.Name != "http2_goaway_before" {
				continue // the others differ in nothing that a transport could
			}
			for form, req := range requests {
				if kind.bodied && req.JSON == nil && len(req.Form) == 0 {
					continue // docs/errors.md asks such a transport to keep the context
				}
				for _, warm := range []bool{true, false} {
					t.Run(
						name+"/"+f.Name+"/"+form+map[bool]string{true: "/warm", false: "/cold"}[warm],
						func(t *testing.T) {
							t.Parallel()
							exchange{f, req, kind.secure, true, warm, kind.through}.arrivesOnce(t)
						},
					)
				}
			}
		}
	}
}
