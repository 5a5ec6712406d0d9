package plaid_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestInvestments specifies how positions and their transactions are read.
func TestInvestments(t *testing.T) {
	t.Parallel()
	t.Run("positions are read with their securities", positionsAreReadWithTheirSecurities)
	t.Run("a buy is money out and a fee is charged", aBuyIsMoneyOut)
	t.Run("the first reading does not wait", theFirstReadingDoesNotWait)
	t.Run("a connection without investments has an empty result", aConnectionWithoutInvestmentsIsEmpty)
}

const brokerage = `{"account_id":"a1","type":"investment","subtype":"brokerage","name":"B",` +
	`"balances":{"current":1,"iso_currency_code":"USD"}}`

const securityList = `"securities":[
	{"security_id":"s1","name":"Example Inc","type":"equity","ticker_symbol":"EXM","isin":"US0000000001","cusip":"000000001",
	 "sedol":"B000001","market_identifier_code":"XNAS","close_price":12.5,"close_price_as_of":"2026-11-19",
	 "iso_currency_code":"USD","unofficial_currency_code":null},
	{"security_id":"s2","name":"Dogecoin","type":"cryptocurrency","close_price":null,"close_price_as_of":null,
	 "iso_currency_code":null,"unofficial_currency_code":"DOGE"}]`

func positionsAreReadWithTheirSecurities(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{holdingsPath: `{"accounts":[` + brokerage + `],"holdings":[
		{"account_id":"a1","security_id":"s1","quantity":10.5,"institution_price":12.5,"institution_value":131.25,
		 "cost_basis":100,"institution_price_as_of":"2026-11-19","institution_price_datetime":null,` +
		`"iso_currency_code":"USD"},
		{"account_id":"a1","security_id":"s2","quantity":0.00000001,"institution_price":0.1,"institution_value":0,
		 "cost_basis":null,"iso_currency_code":null,"unofficial_currency_code":"DOGE"},
		{"account_id":"a1","security_id":"s3","quantity":null,"institution_price":1,"institution_value":1,
		 "iso_currency_code":"USD"}],` + securityList + `}`})
	got, err := s.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
	require.ErrorIs(t, err, bankmux.ErrMalformed, "a position without quantity")
	require.Len(t, got.Holdings, 2)
	first := got.Holdings[0]
	assert.Equal(t, "10.5", first.Quantity.String())
	assert.Equal(t, "12.50 USD", first.Price.String())
	assert.Equal(t, "131.25 USD", first.Value.String())
	assert.Equal(t, "100.00 USD", first.CostBasis.String())
	assert.Equal(t, "2026-11-19", first.PriceAsOf.Format(time.DateOnly))
	assert.Equal(t, "0.1 DOGE", got.Holdings[1].Price.String())
	assert.True(t, got.Holdings[1].CostBasis.IsZero())
	require.Len(t, got.Securities, 2)
	one := got.Securities[0]
	assert.Equal(t, "12.50 USD", one.ClosePrice.String())
	one.ClosePrice = bankmux.Money{}
	assert.Equal(t, bankmux.Security{
		ID: "s1", Name: "Example Inc", Kind: "equity", Currency: "USD", Ticker: "EXM", ISIN: "US0000000001",
		SEDOL: "B000001", CUSIP: "000000001", MIC: "XNAS", CloseDate: bankmux.NewDate(2026, 11, 19),
	}, one)
}

func aBuyIsMoneyOut(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, map[string]string{investmentsPath: `{"accounts":[],` + securityList + `,
		"investment_transactions":[
		{"investment_transaction_id":"i1","account_id":"a1","security_id":"s1","date":"2026-11-19","name":"BUY",
		 "quantity":2,"amount":25.5,"price":12.5,"fees":0.5,"type":"buy","subtype":"buy to cover",` +
		`"iso_currency_code":"USD"},
		{"investment_transaction_id":"i2","account_id":"a1","security_id":null,"date":"2026-11-18","name":"DIVIDEND",
		 "quantity":0,"amount":-3,"price":0,"fees":null,"type":"cash","subtype":"dividend","iso_currency_code":"USD",
		 "transaction_datetime":"2026-11-18T10:00:00Z"}],"total_investment_transactions":2}`})
	var got []bankmux.InvestmentTransaction
	req := bankmux.InvestmentTransactionsRequest{Connection: conn, From: bankmux.NewDate(2026, 1, 1)}
	for row, err := range s.client.InvestmentTransactions(t.Context(), req) {
		require.NoError(t, err)
		got = append(got, row)
	}
	require.Len(t, got, 2)
	assert.Equal(t, "-25.50 USD", got[0].Amount.String())
	assert.Equal(t, "-0.50 USD", got[0].Fees.String())
	assert.Equal(t, "12.50 USD", got[0].Price.String())
	assert.Equal(t, "2", got[0].Quantity.String())
	assert.Equal(t, "buy", got[0].Kind)
	assert.Equal(t, "buy.buy to cover", got[0].ProviderKind)
	assert.Equal(t, "3.00 USD", got[1].Amount.String())
	assert.True(t, got[1].Fees.IsZero(), "absent is not zero")
	assert.Equal(t, 10, got[1].At.Hour())
}

func theFirstReadingDoesNotWait(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.errorWith(investmentsPath, "ITEM_ERROR", "PRODUCT_NOT_READY")
	for _, err := range s.client.InvestmentTransactions(t.Context(),
		bankmux.InvestmentTransactionsRequest{Connection: conn}) {
		require.ErrorIs(t, err, bankmux.ErrNotReady)
	}
	options, _ := s.lastSent(investmentsPath)["options"].(map[string]any)
	assert.Equal(t, true, options["async_update"], "otherwise the call takes minutes")
}

func aConnectionWithoutInvestmentsIsEmpty(t *testing.T) {
	t.Parallel()
	s, conn := canned(t, nil)
	s.errorWith(holdingsPath, "ITEM_ERROR", "NO_INVESTMENT_ACCOUNTS")
	got, err := s.client.Holdings(t.Context(), bankmux.HoldingsRequest{Connection: conn})
	require.NoError(t, err)
	assert.Empty(t, got.Holdings)
	s.errorWith(investmentsPath, "ITEM_ERROR", "NO_INVESTMENT_ACCOUNTS")
	for row, err := range s.client.InvestmentTransactions(t.Context(),
		bankmux.InvestmentTransactionsRequest{Connection: conn}) {
		require.Fail(t, "there are none", "%v %v", row, err)
	}
}
