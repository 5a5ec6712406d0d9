// Command virtualbank serves a bank for tests through the APIs of MoneyKit and Dapi. With -plaid it
// serves Plaid's API too. Applications in any language can use it.
//
// When it is ready it prints one line of JSON with the base URLs and credentials of the APIs. It
// runs until SIGINT or SIGTERM. GET /virtualbank/ on any address lists the calls of the control
// plane, which play the user, inject faults and move the bank's clock. The flag -h lists the flags.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "virtualbank:", err)
		os.Exit(1)
	}
}

// ready is the line that the command prints.
type ready struct {
	MoneyKit moneykit `json:"moneykit"`
	Dapi     dapi     `json:"dapi"`
	Plaid    *plaid   `json:"plaid,omitempty"` // only with -plaid
}

type moneykit struct {
	BaseURL      string `json:"base_url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`

	ScriptURL string `json:"script_url"` // the module that plays Connect in a browser
}

type dapi struct {
	BaseURL   string `json:"base_url"`
	AppKey    string `json:"app_key"`
	AppSecret string `json:"app_secret"`

	WebhookSecret string `json:"webhook_secret"`
	WebhookKey    string `json:"webhook_key"` // the AES key of encrypted bodies

	ScriptURL string `json:"script_url"` // the script that plays Connect in a browser
}

type plaid struct {
	BaseURL  string `json:"base_url"`
	ClientID string `json:"client_id"`
	Secret   string `json:"secret"`

	ScriptURL string `json:"script_url"` // the script that plays Link in a browser
}

// about is the first part of the help text.
const about = `virtualbank serves a bank for tests through the APIs of MoneyKit and Dapi, and with -plaid of Plaid.

Usage:

	virtualbank [flags]

When it is ready it prints one line of JSON with the base URLs and credentials of the APIs. It runs
until SIGINT or SIGTERM. GET /virtualbank/ on any address lists the calls of the control plane,
each with an example. They play the user, inject faults and move the bank's clock.

Plaid is off unless -plaid gives an address. Then the line also has "plaid".

Flags:

`

// settings holds the values of the flags.
type settings struct {
	moneykit, dapi, plaid string
	hooks                 virtualbank.DapiWebhooks
	bank                  virtualbank.Options
}

// parse parses the flags. If they ask for help, it writes the help text to stdout and returns
// flag.ErrHelp.
func parse(args []string, stdout io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("virtualbank", flag.ContinueOnError)
	var help bytes.Buffer
	flags.SetOutput(&help)
	flags.Usage = func() {
		help.WriteString(about)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.moneykit, "moneykit", "127.0.0.1:8181", "`address` of the MoneyKit API; port 0 is a free port")
	flags.StringVar(&s.dapi, "dapi", "127.0.0.1:8182", "`address` of the Dapi API; port 0 is a free port")
	flags.StringVar(&s.plaid, "plaid", "",
		"`address` of the Plaid API, such as 127.0.0.1:8183; port 0 is a free port; empty serves no Plaid API")
	flags.Uint64Var(&s.bank.Seed, "seed", 1, "`number` that decides every id, token and credential")
	now := flags.String("now", "", "the bank's `time` at the start as RFC 3339; empty means the machine's time")
	flags.StringVar(&s.hooks.URL, "dapi-webhook", "",
		"`url` of Dapi's webhooks, as on its dashboard; empty sends none (a MoneyKit link has its own address)")
	flags.BoolVar(&s.hooks.Encrypt, "dapi-webhook-encrypt", false, "encrypt the body of Dapi's webhooks")
	flags.BoolVar(&s.bank.MachineTimeWebhooks, "machine-time-webhooks", false,
		"sign webhooks with the machine's time instead of the bank's, which GET /virtualbank/clock returns")
	flags.BoolVar(&s.bank.RemoteWebhooks, "allow-remote", false,
		"listen on addresses that are not loopback, and send webhooks to them")
	switch err = flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = help.WriteTo(stdout)
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w; -h lists the flags", err)
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *now != "" {
		if s.bank.Start, err = time.Parse(time.RFC3339, *now); err != nil {
			return s, fmt.Errorf("-now %q is not RFC 3339, such as 2026-11-22T09:00:00Z", *now)
		}
	}
	return s, nil
}

// run serves a bank until ctx ends. If the flags ask for help, it writes the help text and returns
// nil.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	s, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	var how []virtualbank.StartOption
	if s.bank.RemoteWebhooks {
		how = append(how, virtualbank.AllowRemote())
	}
	if s.plaid != "" {
		how = append(how, virtualbank.ServePlaid(s.plaid))
	}
	bank := virtualbank.New(s.bank)
	server, err := virtualbank.Start(bank, s.moneykit, s.dapi, how...)
	if err != nil {
		return err
	}
	bank.AnnounceDapi(s.hooks)
	delivering := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	go func() {
		defer close(delivering)
		_ = bank.DeliverAll(ctx, &http.Client{Timeout: 30 * time.Second}) // it ends with ctx
	}()
	defer func() { stop(); <-delivering }()
	creds := bank.Credentials()
	secrets, _, key := bank.WebhookSecrets()
	line := ready{
		MoneyKit: moneykit{
			server.MoneyKitURL, creds.MoneyKit.ClientID, creds.MoneyKit.ClientSecret, server.MoneyKitScriptURL,
		},
		Dapi: dapi{server.DapiURL, creds.Dapi.AppKey, creds.Dapi.AppSecret, secrets[0], key, server.DapiScriptURL},
	}
	if server.PlaidURL != "" {
		line.Plaid = &plaid{server.PlaidURL, creds.Plaid.ClientID, creds.Plaid.Secret, server.PlaidScriptURL}
	}
	err = json.NewEncoder(stdout).Encode(line)
	if err == nil {
		<-ctx.Done()
	}
	if closing := server.Close(); err == nil {
		err = closing
	}
	return err
}
