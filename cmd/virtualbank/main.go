// Command virtualbank serves a virtual bank in MoneyKit's and in Dapi's wire format,
// for applications in any language. When it is ready it prints one line of JSON with the addresses and
// credentials; SIGINT or SIGTERM end it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "virtualbank:", err)
		os.Exit(1)
	}
}

type ready struct {
	MoneyKit moneykit `json:"moneykit"`
	Dapi     dapi     `json:"dapi"`
}

type moneykit struct {
	BaseURL      string `json:"base_url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

type dapi struct {
	BaseURL   string `json:"base_url"`
	AppKey    string `json:"app_key"`
	AppSecret string `json:"app_secret"`

	WebhookSecret string `json:"webhook_secret"`
	WebhookKey    string `json:"webhook_key"` // of encrypted payloads
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("virtualbank", flag.ContinueOnError)
	flags.SetOutput(stderr)
	mkAddr := flags.String("moneykit", "127.0.0.1:8181", "address for MoneyKit's API; port 0 picks a free one")
	dpAddr := flags.String("dapi", "127.0.0.1:8182", "address for Dapi's API; port 0 picks a free one")
	seed := flags.Uint64("seed", 1, "decides every id, token and credential")
	now := flags.String("now", "", "the bank's time at the start, RFC 3339; empty means the machine's")
	hooks := flags.String("dapi-webhook", "", "where Dapi's webhooks go, as set on its dashboard; empty means nowhere. MoneyKit's go where the link says")
	encrypt := flags.Bool("dapi-webhook-encrypt", false, "encrypt the payload of Dapi's webhooks")
	remote := flags.Bool("allow-remote", false, "allow addresses that are not loopback, to listen on and for webhooks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	opts := virtualbank.Options{Seed: *seed, RemoteWebhooks: *remote}
	if *now != "" {
		at, err := time.Parse(time.RFC3339, *now)
		if err != nil {
			return fmt.Errorf("-now %q is not RFC 3339, such as 2026-11-22T09:00:00Z", *now)
		}
		opts.Start = at
	}
	var how []virtualbank.StartOption
	if *remote {
		how = append(how, virtualbank.AllowRemote())
	}
	bank := virtualbank.New(opts)
	server, err := virtualbank.Start(bank, *mkAddr, *dpAddr, how...)
	if err != nil {
		return err
	}
	bank.AnnounceDapi(virtualbank.DapiWebhooks{URL: *hooks, Encrypt: *encrypt})
	delivering := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer close(delivering)
		_ = bank.DeliverAll(ctx, &http.Client{Timeout: 30 * time.Second}) // ends with ctx
	}()
	defer func() { stop(); <-delivering }()
	creds := bank.Credentials()
	secrets, _, key := bank.WebhookSecrets()
	err = json.NewEncoder(stdout).Encode(ready{
		moneykit{server.MoneyKitURL, creds.MoneyKit.ClientID, creds.MoneyKit.ClientSecret},
		dapi{server.DapiURL, creds.Dapi.AppKey, creds.Dapi.AppSecret, secrets[0], key},
	})
	if err == nil {
		<-ctx.Done()
	}
	if closing := server.Close(); err == nil {
		err = closing
	}
	return err
}
