package virtualbank

import (
	"net/http"
	"time"
)

// controlWebhooks adds the part of the control plane that concerns webhooks.
func (b *Bank) controlWebhooks(mux *http.ServeMux, provider string) {
	type announced struct {
		URL string `json:"url"` // "" is the link's or the dashboard's
		Webhook
		Forgery string `json:"forgery"`
	}
	read := func(body []byte) (in announced, err error) {
		err = decodeControl(body, &in)
		in.Provider = provider
		return in, err
	}
	mux.Handle("POST /virtualbank/webhook", controlled(func(body []byte) (any, error) {
		in, err := read(body)
		if err != nil {
			return nil, err
		}
		return map[string]any{"announced": in.Event}, b.Announce(in.URL, in.Webhook)
	}))
	mux.Handle("POST /virtualbank/webhook/forge", controlled(func(body []byte) (any, error) {
		in, err := read(body)
		if err != nil {
			return nil, err
		}
		if !b.reaches(in.URL) {
			return nil, refuse(http.StatusBadRequest, "url is missing, or not loopback")
		}
		r, err := b.Forge(in.Forgery, in.URL, in.Webhook)
		if err != nil {
			return nil, err
		}
		status, err := Send(&http.Client{Timeout: 30 * time.Second}, r)
		return map[string]any{"status": status}, err
	}))
	mux.Handle("GET /virtualbank/webhook/forge", controlled(func([]byte) (any, error) {
		return map[string]any{"forgeries": Forgeries(provider)}, nil
	}))
	mux.Handle("POST /virtualbank/webhook/keys", controlled(func(body []byte) (any, error) {
		var in struct {
			Action string `json:"action"`
		}
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		switch in.Action {
		case "rotate":
			b.RotateWebhookKeys()
		case "retire":
			b.RetireWebhookKeys()
		default:
			return nil, refuse(http.StatusBadRequest, "action is neither rotate nor retire")
		}
		svix, _, _ := b.WebhookSecrets()
		return map[string]any{"dapi_secrets": svix}, nil
	}))
	mux.Handle("POST /virtualbank/webhook/disorder", controlled(func(body []byte) (any, error) {
		var in Disorder
		if err := decodeControl(body, &in); err != nil {
			return nil, err
		}
		b.Disorder(in)
		return map[string]any{"disorder": in}, nil
	}))
	mux.Handle("GET /virtualbank/webhook", controlled(func([]byte) (any, error) {
		mine := []DeliveryRecord{}
		for _, d := range b.Deliveries() {
			if d.Webhook.Provider == provider {
				mine = append(mine, d)
			}
		}
		return map[string]any{"deliveries": mine}, nil
	}))
}
