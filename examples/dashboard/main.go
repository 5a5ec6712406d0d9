// Command dashboard prints what an application shows after linking: accounts, balances and the
// transactions of the month. MoneyKit, Dapi and Plaid serve one user each, with the same code. The
// second user's bank asks for a one-time password: 123456 at the virtual bank. Scripts use -answer
// 123456.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	answer := flag.String("answer", "", "the answer to a bank that asks; without it the terminal asks")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout, asker(*answer)); err != nil {
		log.SetFlags(0)
		log.Fatal("dashboard: ", err)
	}
}

// ask returns the user's answer to one question of the bank.
type ask func(bankmux.Input) (string, error)

// asker asks on the terminal, unless the answer is given.
func asker(given string) ask {
	in := bufio.NewReader(os.Stdin)
	return func(i bankmux.Input) (string, error) {
		fmt.Printf("\nThe bank asks: %s ", i.Query)
		if given != "" {
			fmt.Println(given)
			return given, nil
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("no answer: use -answer where there is no terminal: %w", err)
		}
		return strings.TrimSpace(line), nil
	}
}

func run(ctx context.Context, w io.Writer, ask ask) error {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0", virtualbank.ServePlaid("127.0.0.1:0"))
	if err != nil {
		return err
	}
	defer server.Close()
	registry, err := clients(bank, server)
	if err != nil {
		return err
	}
	for _, u := range []user{
		{"rosa", "US", bankmux.InstitutionRef{moneykit.Name: "northwind"}},
		{"omar", "AE", bankmux.InstitutionRef{dapi.Name: "DAPIBANK_AE_ADCB"}}, // this one wants a one-time password
		{"noah", "CA", nil}, // Plaid's page asks for the bank
	} {
		conn, err := link(ctx, bank, registry, u)
		if err != nil {
			return err
		}
		client, err := registry.For(conn)
		if err != nil {
			return err
		}
		if err := show(ctx, w, client, conn, ask); err != nil {
			return err
		}
	}
	return nil
}

// user is a user, and the bank that the user links.
type user struct {
	name, country string
	institution   bankmux.InstitutionRef
}

// show prints one user's dashboard. It is the same for every provider.
func show(ctx context.Context, w io.Writer, client *bankmux.Client, conn bankmux.Connection, ask ask) error {
	fmt.Fprintf(w, "\n== %s at %s (through %s)\n", conn.User, conn.Institution.Name, conn.Provider)
	accounts, err := answered(ask, func(answers *bankmux.Answers) (bankmux.AccountsResult, error) {
		return client.Accounts(ctx, bankmux.AccountsRequest{Connection: conn, Answers: answers})
	})
	if err != nil {
		return err
	}
	balances, err := answered(ask, func(answers *bankmux.Answers) (bankmux.BalancesResult, error) {
		return client.Balances(
			ctx,
			bankmux.BalancesRequest{Connection: conn, Known: accounts.Accounts, Answers: answers},
		)
	})
	if partial, ok := errors.AsType[*bankmux.PartialError](err); ok {
		fmt.Fprintln(w, "some balances could not be read:", partial) // the others are shown
	} else if err != nil {
		return err
	}
	showAccounts(w, accounts.Accounts, balances.Balances)

	today := bankmux.DateOf(time.Now().UTC())
	req := bankmux.TransactionsRequest{Connection: conn, From: today.AddDays(-30), Enrich: true}
	names := map[string]string{}
	for _, a := range accounts.Accounts {
		req.Accounts = append(req.Accounts, a.ID)
		names[a.ID] = a.Name
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "date\taccount\tamount\tstatus\twhat for\tdescription\t")
	for row, err := range client.Transactions(ctx, req) {
		if err != nil {
			return err
		}
		category := ""
		if row.Enrichment != nil {
			category = row.Enrichment.Category.Name
		}
		fmt.Fprintf(
			table,
			"%s\t%s\t%s\t%s\t%s\t%s\t\n",
			row.Date,
			names[row.Account],
			row.Amount,
			row.Status,
			category,
			row.Description,
		)
	}
	return table.Flush()
}

// showAccounts prints accounts with their balances.
func showAccounts(w io.Writer, accounts []bankmux.Account, balances []bankmux.AccountBalances) {
	held := map[string]bankmux.AccountBalances{}
	for _, b := range balances {
		held[b.Account] = b
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "account\tkind\tbooked\tavailable\t")
	for _, a := range accounts {
		booked, available := text(held[a.ID], bankmux.BalanceBooked), text(held[a.ID], bankmux.BalanceAvailable)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", a.Name, a.Kind, booked, available)
	}
	_ = table.Flush()
}

// text is a balance, or a dash if the bank reported none. Absent is not zero.
func text(b bankmux.AccountBalances, kind bankmux.BalanceKind) string {
	if m, ok := b.Of(kind); ok {
		return m.String()
	}
	return "-"
}

// answered makes a call. If the bank asks, it passes the question to the user and resumes the call.
func answered[T any](ask ask, call func(*bankmux.Answers) (T, error)) (T, error) {
	var answers *bankmux.Answers
	for {
		res, err := call(answers)
		e, ok := errors.AsType[*bankmux.Error](err)
		if !ok || e.Challenge == nil {
			return res, err
		}
		texts := make([]string, len(e.Challenge.Inputs))
		for i, in := range e.Challenge.Inputs {
			if texts[i], err = ask(in); err != nil {
				return res, err
			}
		}
		answers = e.Challenge.Answer(texts...)
	}
}

func clients(bank *virtualbank.Bank, server *virtualbank.Server) (*bankmux.Registry, error) {
	keys := bank.Credentials()
	mk, err := moneykit.New(moneykit.Config{
		BaseURL:      server.MoneyKitURL,
		ClientID:     keys.MoneyKit.ClientID,
		ClientSecret: bankmux.NewSecret(keys.MoneyKit.ClientSecret),
		Environment:  bankmux.Sandbox,
	})
	if err != nil {
		return nil, err
	}
	dp, err := dapi.New(dapi.Config{
		BaseURL:     server.DapiURL,
		AppKey:      keys.Dapi.AppKey,
		AppSecret:   bankmux.NewSecret(keys.Dapi.AppSecret),
		Environment: bankmux.Sandbox,
	})
	if err != nil {
		return nil, err
	}
	pl, err := plaid.New(plaid.Config{
		BaseURL:     server.PlaidURL,
		ClientID:    keys.Plaid.ClientID,
		Secret:      bankmux.NewSecret(keys.Plaid.Secret),
		Environment: bankmux.Sandbox,
	})
	if err != nil {
		return nil, err
	}
	return bankmux.NewRegistry([]*bankmux.Client{mk, dp, pl}, []bankmux.Route{
		{Client: "moneykit", Countries: []string{"US"}, Capabilities: []bankmux.Capability{bankmux.CapTransactions}},
		{Client: "dapi", Countries: []string{"AE"}, Capabilities: []bankmux.Capability{bankmux.CapTransactions}},
		{Client: "plaid", Countries: []string{"CA"}, Capabilities: []bankmux.Capability{bankmux.CapTransactions}},
	})
}

// link takes a user through the flow. The virtual bank stands for the browser.
func link(
	ctx context.Context,
	bank *virtualbank.Bank,
	registry *bankmux.Registry,
	u user,
) (bankmux.Connection, error) {
	session, err := registry.CreateSession(ctx, bankmux.SessionRequest{
		User: u.name, Country: u.country, Institution: u.institution, RedirectURI: "https://app.example.com/oauth",
		Products: []bankmux.ProductRequest{{Product: bankmux.ProductTransactions, Required: true, Prefetch: true}},
	})
	if err != nil {
		return bankmux.Connection{}, err
	}
	var payload []byte
	switch session.Provider {
	case moneykit.Name:
		payload, err = bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: session.Launch.Token.Reveal()})
	case plaid.Name:
		payload, err = bank.LinkPlaid(virtualbank.PlaidLink{LinkToken: session.Launch.Token.Reveal()})
	default:
		payload, err = bank.LinkDapi(
			virtualbank.DapiLink{AppKey: session.Launch.AppKey, InstitutionID: session.Launch.Institution},
		)
	}
	if err != nil {
		return bankmux.Connection{}, err
	}
	linked, err := registry.ExchangeToken(
		ctx,
		bankmux.ExchangeRequest{Session: session, User: u.name, Payload: bankmux.NewSecret(payload)},
	)
	if err == nil && session.Provider == plaid.Name {
		err = bank.Refresh(linked.Connection.Reference()) // Plaid itself takes a while for the first rows
	}
	return linked.Connection, err
}
