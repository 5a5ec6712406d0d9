package virtualbank

// This file has the calls of the control plane about webhooks.

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// announced is the body of the calls that announce or send a webhook.
type announced struct {
	URL string `json:"url"` // "" means the link's or the dashboard's address
	Webhook
	Forgery string `json:"forgery"`
}

// of returns the webhook for one provider.
func (in announced) of(b *Bank, p bank.Provider) Webhook {
	w := in.Webhook
	w.Provider, w.Reference = p.Spec().Name, bank.ResolveNewest(b.core, p, w.Reference)
	return w
}

// controlWebhooks returns the calls about webhooks. Their examples send webhooks to the bank
// itself.
func (b *Bank) controlWebhooks(p bank.Provider, server string) []bank.ControlCall {
	provider, event := p.Spec().Name, p.Spec().Events[0]
	example := func(more ...string) map[string]any {
		out := map[string]any{"url": server + bank.ControlPrefix + "sink", "event": event, "reference": bank.Newest}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	type keys struct {
		Action string `json:"action"`
	}
	return []bank.ControlCall{
		{
			Method:  http.MethodPost,
			Path:    bank.ControlPrefix + "sink",
			About:   "returns 200 for any body; examples send webhooks here",
			Example: map[string]any{},
			Serve:   func([]byte) (any, error) { return map[string]any{}, nil },
		},
		bank.Post(
			"webhook",
			"announces an event to url; without url to the address of the link or the dashboard",
			example(),
			func(in announced) (any, error) {
				return map[string]any{"announced": in.Event}, b.Announce(in.URL, in.of(b, p))
			},
		),
		bank.Get("webhook", "returns the announced webhooks and the state of their deliveries", func() (any, error) {
			mine := []DeliveryRecord{}
			for _, d := range b.Deliveries() {
				if d.Webhook.Provider == provider {
					mine = append(mine, d)
				}
			}
			return map[string]any{"deliveries": mine}, nil
		}),
		bank.Get("webhook/forge", "lists the forgeries", func() (any, error) {
			return map[string]any{"forgeries": Forgeries(provider)}, nil
		}),
		bank.Post(
			"webhook/forge", "sends an invalid delivery immediately and returns the status of the response",
			example("forgery", "wrong_key"),
			func(in announced) (any, error) { return b.sendForged(in, p) },
		),
		bank.Post(
			"webhook/keys",
			"rotate signs with a new key and keeps the old ones valid; retire drops all but the newest",
			keys{"rotate"},
			func(in keys) (any, error) { return b.changeKeys(in.Action) },
		),
		bank.Post(
			"webhook/disorder",
			"delivers webhooks in random order and with duplicates",
			Disorder{Shuffle: true, Repeat: 1},
			func(in Disorder) (any, error) {
				b.Disorder(in)
				return map[string]any{"disorder": in}, nil
			},
		),
	}
}

// sendForged sends an invalid delivery.
func (b *Bank) sendForged(in announced, p bank.Provider) (any, error) {
	if !b.reaches(in.URL) {
		return nil, bank.Refuse(http.StatusBadRequest, "url is missing or is not loopback")
	}
	r, err := b.Forge(in.Forgery, in.URL, in.of(b, p))
	if err != nil {
		return nil, err
	}
	status, err := Send(&http.Client{Timeout: 30 * time.Second}, r)
	return map[string]any{"status": status}, err
}

// changeKeys rotates or retires the keys of webhooks.
func (b *Bank) changeKeys(action string) (any, error) {
	switch action {
	case "rotate":
		b.RotateWebhookKeys()
	case "retire":
		b.RetireWebhookKeys()
	default:
		return nil, bank.Refuse(http.StatusBadRequest, "action is neither rotate nor retire")
	}
	svix, _, _ := b.WebhookSecrets()
	return map[string]any{"dapi_secrets": svix}, nil
}
