package virtualbank

import (
	"net/http"
	"time"

	"github.com/bankmux/bankmux/virtualbank/internal/bank"
)

// announced is the body of the calls that send webhooks.
type announced struct {
	URL string `json:"url"` // "" is the link's or the dashboard's
	Webhook
	Forgery string `json:"forgery"`
}

// of is the webhook for one provider's server.
func (in announced) of(b *Bank, p bank.Provider) Webhook {
	w := in.Webhook
	w.Provider, w.Reference = p.Spec().Name, bank.ResolveNewest(b.core, p, w.Reference)
	return w
}

// controlWebhooks is the part of the control plane that concerns webhooks. Its examples send them
// to the server itself.
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
			About:   "answers 200 to anything: an address for webhooks while there is no application",
			Example: map[string]any{},
			Serve:   func([]byte) (any, error) { return map[string]any{}, nil },
		},
		bank.Post(
			"webhook",
			"announces something: to url or, without it, to the link's address or the dashboard's",
			example(),
			func(in announced) (any, error) {
				return map[string]any{"announced": in.Event}, b.Announce(in.URL, in.of(b, p))
			},
		),
		bank.Get("webhook", "what was announced, and what became of it", func() (any, error) {
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
			"webhook/forge", "sends a webhook with one thing wrong, at once, and returns the status of the response",
			example("forgery", "wrong_key"),
			func(in announced) (any, error) { return b.sendForged(in, p) },
		),
		bank.Post(
			"webhook/keys",
			"rotate signs with a new key and keeps the old one valid, retire forgets all but the newest",
			keys{"rotate"},
			func(in keys) (any, error) { return b.changeKeys(in.Action) },
		),
		bank.Post(
			"webhook/disorder",
			"lets webhooks come in no order, and so many times more",
			Disorder{Shuffle: true, Repeat: 1},
			func(in Disorder) (any, error) {
				b.Disorder(in)
				return map[string]any{"disorder": in}, nil
			},
		),
	}
}

func (b *Bank) sendForged(in announced, p bank.Provider) (any, error) {
	if !b.reaches(in.URL) {
		return nil, bank.Refuse(http.StatusBadRequest, "url is missing, or not loopback")
	}
	r, err := b.Forge(in.Forgery, in.URL, in.of(b, p))
	if err != nil {
		return nil, err
	}
	status, err := Send(&http.Client{Timeout: 30 * time.Second}, r)
	return map[string]any{"status": status}, err
}

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
