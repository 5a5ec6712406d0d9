package bankmux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/bankmux/bankmux/internal/plain"
)

// WebhookRequest is a delivery as it came. Package fmt, log handlers and marshalling do not show
// its header or body; a dumper that follows pointers by reflection does, such as the one in
// testify's differences. The zero value is an empty delivery. The same holds for its URL, since a
// query may have a secret.
type WebhookRequest struct {
	header hidden[map[string][]string]
	body   hidden[[]byte]
	sentTo hidden[target]
}

// target is where a delivery was sent.
type target struct{ method, url string }

// NewWebhookRequest returns a delivery of an http.Header and the exact bytes of the body, which it
// does not copy. Bound the body before: package inbox does.
func NewWebhookRequest(header map[string][]string, body []byte) WebhookRequest {
	return WebhookRequest{header: hide(header), body: hide(body)}
}

// SentTo returns the delivery with the method and the URL that the provider used, for the schemes
// that sign them. The URL is the public one, as the provider knows it: behind a proxy that is not
// the one of the http.Request. Package inbox knows it by inbox.WithURL.
func (r WebhookRequest) SentTo(method, url string) WebhookRequest {
	r.sentTo = hide(target{method, url})
	return r
}

// Header returns the http.Header.
func (r WebhookRequest) Header() map[string][]string { return r.header.get() }

// Body returns the exact bytes of the body. They are shared: do not change them.
func (r WebhookRequest) Body() []byte { return r.body.get() }

// Method returns the HTTP method, and "" where none was given.
func (r WebhookRequest) Method() string { return r.sentTo.get().method }

// URL returns the URL that the provider used, and "" where none was given.
func (r WebhookRequest) URL() string { return r.sentTo.get().url }

// WebhookResult is what a genuine delivery announces.
type WebhookResult struct {
	// Key is the same when the delivery is repeated, authenticated, and unique at the client. Where
	// an adapter leaves it empty, the client fills in the digest of the body.
	Key    string
	Events []Event // mostly one
}

// ReadWebhook verifies a delivery and says what it announces. Package inbox does this for an HTTP
// server, with bounds and without repeats.
//
// It passes none of the client's interceptors: nothing of it can be repeated, broken off or queued,
// and a flood of forgeries would fill the log. For the errors see [WebhookReader]. It may be
// repeated.
func (c *Client) ReadWebhook(ctx context.Context, req WebhookRequest) (WebhookResult, error) {
	res, err := c.readWebhook(ctx, req)
	if err != nil {
		op := opWebhook
		return WebhookResult{}, c.describe(&op, err)
	}
	if res.Key == "" { // an empty one would make every later delivery a repeat
		sum := sha256.Sum256(req.Body())
		res.Key = "sha256:" + hex.EncodeToString(sum[:])
	}
	for i := range res.Events {
		e := &res.Events[i]
		e.Client, e.Provider = c.name, c.desc.Provider
		e.Name, e.Status.Code = plain.Line(e.Name), plain.Line(e.Status.Code)
		if e.Key == "" {
			e.Key = res.Key
		}
		e.ReferenceKey = referenceKey(c.desc.Provider, c.desc.Environment, e.reference)
		if e.Raw() == nil {
			e.raw = req.body
		}
	}
	return res, nil
}

func (c *Client) readWebhook(ctx context.Context, req WebhookRequest) (WebhookResult, error) {
	if ctx == nil {
		return WebhookResult{}, invalid("context", "is nil")
	}
	reader, ok := c.provider.(WebhookReader)
	if !ok {
		return WebhookResult{}, &Error{
			Kind:    ErrUnsupported,
			Detail:  c.desc.Provider + " has no " + opWebhook.Name,
			NotSent: true,
		}
	}
	return reader.ReadWebhook(ctx, req)
}
