//go:build !race

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/internal/banktest"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/providers/plaid"
	"github.com/bankmux/bankmux/virtualbank"
)

// lists are all lists of the adapters: the JSON around the rows, and the call that reads them.
var lists = []struct {
	name, provider, before, after string
	call                          func(context.Context, *bankmux.Client, bankmux.Connection) error
}{
	{"accounts", "moneykit", `{"accounts":[`, `]}`, read("Accounts")},
	{"balances", "moneykit", `{"accounts":[`, `]}`, read("Balances")},
	{"numbers", "moneykit", `{"accounts":[`, `]}`, read("AccountNumbers")},
	{
		"numbers of one account",
		"moneykit",
		`{"accounts":[{"account_id":"a","numbers":{"ach":[`,
		`]}}]}`,
		read("AccountNumbers"),
	},
	{"identity", "moneykit", `{"accounts":[`, `]}`, read("Identity")},
	{"owners of one account", "moneykit", `{"accounts":[{"account_id":"a","owners":[`, `]}]}`, read("Identity")},
	{
		"emails of one owner",
		"moneykit",
		`{"accounts":[{"account_id":"a","owners":[{"emails":[`,
		`]}]}]}`,
		read("Identity"),
	},
	{"transactions", "moneykit", `{"total":1,"transactions":[`, `]}`, read("Transactions")},
	{
		"accounts of the transactions",
		"moneykit",
		`{"total":1,"transactions":[],"accounts":[`,
		`]}`,
		read("Transactions"),
	},
	{
		"created",
		"moneykit",
		`{"transactions":{"created":[`,
		`],"updated":[],"removed":[]},"cursor":{"next":"x"},"has_more":false,"next_cursor":"x"}`,
		read("Sync"),
	},
	{
		"updated",
		"moneykit",
		`{"transactions":{"created":[],"updated":[`,
		`],"removed":[]},"cursor":{"next":"x"},"has_more":false,"next_cursor":"x"}`,
		read("Sync"),
	},
	{
		"removed",
		"moneykit",
		`{"transactions":{"created":[],"updated":[],"removed":[`,
		`]},"cursor":{"next":"x"},"has_more":false,"next_cursor":"x"}`,
		read("Sync"),
	},
	{"holdings", "moneykit", `{"accounts":[],"holdings":[`, `],"securities":[]}`, read("Holdings")},
	{"securities", "moneykit", `{"accounts":[],"holdings":[],"securities":[`, `]}`, read("Holdings")},
	{
		"investment transactions",
		"moneykit",
		`{"total":1,"accounts":[],"investment_transactions":[`,
		`],"securities":[]}`,
		read("InvestmentTransactions"),
	},
	{"institutions", "moneykit", `{"institutions":[`, `],"cursors":{}}`, read("Institutions")},
	{
		"aliases",
		"moneykit",
		`{"institutions":[{"institution_id":"a","institution_id_aliases":[`,
		`]}],"cursors":{}}`,
		read("Institutions"),
	},
	{"links", "moneykit", `{"links":[`, `]}`, func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
		return some(moneykit.Links(ctx, c))
	}},
	{
		"accounts of a user",
		"moneykit",
		`{"links":{"a":{"accounts":[`,
		`]}}}`,
		func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
			_, err := moneykit.UserAccounts(ctx, c, "user-1")
			return err
		},
	},
	{
		"links of a user",
		"moneykit",
		`{"links":{"a":{"link_tags":[`,
		`]}}}`,
		func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
			_, err := moneykit.UserLinks(ctx, c, "user-1")
			return err
		},
	},
	{
		"transactions of a user",
		"moneykit",
		`{"total":1,"accounts":{},"transactions":[`,
		`]}`,
		func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
			return some(
				moneykit.UserTransactions(ctx, c, "user-1", bankmux.NewDate(2026, 1, 1), bankmux.NewDate(2026, 2, 1)),
			)
		},
	},
	{"tags", "moneykit", `{"link_id":"a","state":"connected","link_tags":[`, `]}`, read("ConnectionStatus")},
	{"accounts", "dapi", `{"status":"done","accounts":[`, `]}`, read("Accounts")},
	{"numbers", "dapi", `{"status":"done","accounts":[`, `]}`, read("AccountNumbers")},
	{
		"complete accounts",
		"dapi",
		`{"status":"done","accounts":[`,
		`]}`,
		func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
			_, _, err := dapi.CompleteAccounts(ctx, c, conn, nil)
			return err
		},
	},
	{"cards", "dapi", `{"status":"done","cards":[`, `]}`, read("Cards")},
	{"telephone numbers", "dapi", `{"status":"done","identity":{"numbers":[`, `]}}`, read("Identity")},
	{"documents", "dapi", `{"status":"done","identity":{"identification":[`, `]}}`, read("Identity")},
	{
		"transactions",
		"dapi",
		`{"status":"done","transactions":[`,
		`]}`,
		func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
			for page, err := range c.TransactionPages(ctx,
				bankmux.TransactionsRequest{Connection: conn, Accounts: []string{"a"}}) {
				if err == nil && len(page.Failed) > 0 {
					return page.Failed[0]
				}
				return err
			}
			return nil
		},
	},
	{"questions", "dapi", `{"status":"user_input_required","operationID":"a","userInputs":[`, `]}`, read("Accounts")},
	{"accounts", "plaid", `{"accounts":[`, `]}`, read("Accounts")},
	{"balances", "plaid", `{"accounts":[`, `]}`, read("Balances")},
	{"numbers", "plaid", `{"numbers":{"ach":[`, `],"eft":[],"bacs":[],"international":[]}}`, read("AccountNumbers")},
	{"identity", "plaid", `{"accounts":[`, `]}`, read("Identity")},
	{"owners of one account", "plaid", `{"accounts":[{"account_id":"a","owners":[`, `]}]}`, read("Identity")},
	{"transactions", "plaid", `{"total_transactions":1,"transactions":[`, `]}`, read("Transactions")},
	{
		"added",
		"plaid",
		`{"added":[`,
		`],"modified":[],"removed":[],"next_cursor":"x","has_more":false}`,
		read("Sync"),
	},
	{
		"modified",
		"plaid",
		`{"added":[],"modified":[`,
		`],"removed":[],"next_cursor":"x","has_more":false}`,
		read("Sync"),
	},
	{
		"removed",
		"plaid",
		`{"added":[],"modified":[],"removed":[`,
		`],"next_cursor":"x","has_more":false}`,
		read("Sync"),
	},
	{"holdings", "plaid", `{"accounts":[],"holdings":[`, `],"securities":[]}`, read("Holdings")},
	{"securities", "plaid", `{"accounts":[],"holdings":[],"securities":[`, `]}`, read("Holdings")},
	{
		"investment transactions",
		"plaid",
		`{"total_investment_transactions":1,"accounts":[],"investment_transactions":[`,
		`],"securities":[]}`,
		read("InvestmentTransactions"),
	},
	{"institutions", "plaid", `{"total":1,"institutions":[`, `]}`, read("Institutions")},
	{
		"debts",
		"plaid",
		`{"liabilities":{"credit":[`,
		`],"mortgage":null,"student":null}}`,
		func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
			_, err := plaid.ReadLiabilities(ctx, c, conn)
			return err
		},
	},
	{
		"bounds of the bank",
		"dapi",
		`{"status":"done","accountsMetadata":{"transferBounds":[`,
		`]}}`,
		func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
			_, err := dapi.BankMetadata(ctx, c, conn)
			return err
		},
	},
}

func read(name string) func(context.Context, *bankmux.Client, bankmux.Connection) error {
	for _, r := range reads {
		if r.name == name {
			return r.call
		}
	}
	panic(name)
}

// elements are rows in their shortest forms, and one that is long.
var elements = map[string]string{
	"empty objects": `{}`,
	"nulls":         `null`,
	"numbers":       `1`,
	"texts":         `""`,
	"empty arrays":  `[]`,
	"short objects": `{"id":"12","account_id":"12"}`,
	"rows":          `{"account_id":"00000000000001","id":"00000000000001","link_id":"0001"}`,
	"long rows": `{"account_id":"00000000000001","id":"00000000000001","link_id":"0001","name":"` + strings.Repeat(
		"x",
		90,
	) + `"}`,
}

// TestResponseMemory specifies how much memory a large response may take.
func TestResponseMemory(t *testing.T) { // not parallel: it measures the heap
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // whatever the environment says
	t.Run("a list of millions of rows takes at most twenty times its length", aListOfMillionsOfRows)
	t.Run("an object of many members takes at most twenty times its length", anObjectOfManyMembers)
}

func aListOfMillionsOfRows(
	t *testing.T,
) { // not parallel: it measures the heap
	const short, long = 512 << 10, 8<<20 - 1024
	for _, size := range []int{short, long} {
		for name, element := range elements {
			if size == long && name != "empty objects" && name != "long rows" {
				continue // as with a shorter response
			}
			for _, list := range lists {
				if size == long && list.name != "transactions" && os.Getenv("BANKMUX_FULL") == "" {
					continue // the limits of a long response are the same for every list
				}
				t.Run(
					fmt.Sprintf("%d KiB of %s as %s of %s", size>>10, name, list.name, list.provider),
					func(t *testing.T) {
						body := append([]byte(list.before), element...)
						body = append(body, bytes.Repeat([]byte(","+element), (size-len(body))/(len(element)+1))...)
						body = append(body, list.after...)
						client, conn, wire := linkedTampered(t, list.provider)
						wire.spared = "/metadata/accounts/get"
						if list.name == "bounds of the bank" {
							wire.spared = ""
						}
						wire.say(http.StatusOK, body)
						assertBounded(t, body, func() {
							err := list.call(t.Context(), client, conn)
							if len(element) < 40 {
								require.ErrorIs(t, err, bankmux.ErrMalformed)
							}
						})
					},
				)
			}
		}
	}
}

// entries are members of objects that may have many, and texts and choices. Each has a number in
// it.
var entries = []struct {
	name, provider, before, entry, after string
	call                                 func(context.Context, *bankmux.Client, bankmux.Connection) error
}{
	{
		"links of a user",
		"moneykit",
		`{"links":{"":{}`,
		`,"%07d":{"link_id":"aaaaaaaa","state":"connected"}`,
		`}}`,
		func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
			_, err := moneykit.UserLinks(ctx, c, "user-1")
			return err
		},
	},
	{
		"accounts of the links of a user",
		"moneykit",
		`{"links":{"":{}`,
		`,"%07d":{"accounts":[],"aaaaaaaa":"aaaaaaaaaaaa"}`,
		`}}`,
		func(ctx context.Context, c *bankmux.Client, _ bankmux.Connection) error {
			_, err := moneykit.UserAccounts(ctx, c, "user-1")
			return err
		},
	},
	{
		"products",
		"moneykit",
		`{"link_id":"a","state":"connected","products":{"":{}`,
		`,"%07d":{"refreshed_at":"aaaaaaaaaaaaaaaaaaaaaaa"}`,
		`}}`,
		read("ConnectionStatus"),
	},
	{"members", "moneykit", `{"link_id":"a","state":"connected"`, `,"%07d":1`, `}`, read("ConnectionStatus")},
	{"members of nothing", "moneykit", `{"link_id":"a"`, `,"%07d":"x"`, `}`, read("Disconnect")},
	{
		"tags",
		"moneykit",
		`{"link_id":"a","state":"connected","link_tags":[""`,
		`,"%010d"`,
		`]}`,
		read("ConnectionStatus"),
	},
	{
		"removed ids",
		"moneykit",
		`{"transactions":{"created":[],"updated":[],"removed":[""`,
		`,"%010d"`,
		`]},"cursor":{"next":"x"},"has_more":false}`,
		read("Sync"),
	},
	{
		"choices",
		"dapi",
		`{"status":"user_input_required","operationID":"a","userInputs":[{"id":"otp","index":0,"query":"x",` +
			`"queryOptions":[""`,
		`,"%010d"`,
		`]}]}`,
		read("Accounts"),
	},
	{
		"rules of the bank",
		"dapi",
		`{"status":"done","accountsMetadata":{"swiftCode":"x","validators":{"":{}`,
		`,"%07d":{"a":{"b":"` + strings.Repeat("a", 130) + `"}}`,
		`}}}`,
		func(ctx context.Context, c *bankmux.Client, conn bankmux.Connection) error {
			_, err := dapi.BankMetadata(ctx, c, conn)
			return err
		},
	},
}

func anObjectOfManyMembers(
	t *testing.T,
) { // not parallel: it measures the heap
	for _, list := range entries {
		t.Run(list.name+" of "+list.provider, func(t *testing.T) {
			body := []byte(list.before)
			for i := 0; len(body) < 2<<20; i++ {
				body = fmt.Appendf(body, list.entry, i)
			}
			body = append(body, list.after...)
			client, conn, wire := linkedTampered(t, list.provider)
			wire.say(http.StatusOK, body)
			assertBounded(t, body, func() { _ = list.call(t.Context(), client, conn) })
		})
	}
}

// maxTimes is how many times the length of a response a call may need.
const maxTimes = 20

// assertBounded asserts how far the heap grows while f runs. If all that f allocates is within the
// bound, so is the growth. Otherwise it takes the least of three tries, since the growth counts
// what a late collection left.
func assertBounded(t *testing.T, body []byte, f func()) {
	t.Helper()
	if allocatedBy(f)/len(body) <= maxTimes {
		return
	}
	times := maxTimes + 1
	for try := 0; try < 3 && times > maxTimes; try++ {
		times = peakOf(f) / len(body)
	}
	assert.LessOrEqual(t, times, maxTimes, "times the length of the response")
}

// allocatedBy returns how many bytes are allocated while f runs.
func allocatedBy(f func()) int {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return int(sample[0].Value.Uint64() - before)
}

// peakOf returns how far the heap grows while f runs.
func peakOf(f func()) int {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() int {
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	runtime.GC()
	before, peak := now(), 0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			peak = max(peak, now())
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
			}
		}
	}()
	f()
	close(stop)
	<-done
	return max(peak, now()) - before
}

// linkedTampered returns a client with a connection to a bank whose responses can be replaced.
func linkedTampered(t *testing.T, provider string) (*bankmux.Client, bankmux.Connection, *tampered) {
	t.Helper()
	bank := virtualbank.New(virtualbank.Options{Seed: 1, HistoryDays: 90})
	wire := &tampered{bank: servedBy(bank, provider), heard: map[string][]byte{}}
	client, err := wire.open(provider, bank.Credentials())
	require.NoError(t, err)
	return client, banktest.Link(t, bank, client, provider), wire
}
