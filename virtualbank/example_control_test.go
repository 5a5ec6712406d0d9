package virtualbank_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bankmux/bankmux/virtualbank"
)

// call makes a call of the control plane, or of a provider's API, and returns the response.
func call(method, url string, body any) (status int, response map[string]any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&response); err != nil {
		panic(err)
	}
	return res.StatusCode, response
}

// A program in any language drives the bank through the control plane. Here it links a user of
// Dapi, moves the clock, injects a fault, stages a situation and ends the user's consent.
func Example_controlPlane() {
	// Outside Go, run the command instead: go run github.com/bankmux/bankmux/cmd/virtualbank
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	bank := virtualbank.New(virtualbank.Options{Start: start})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer server.Close()
	keys := bank.Credentials().Dapi
	api := server.DapiURL // ends in /v2
	control := strings.TrimSuffix(api, "/v2") + "/virtualbank/"

	// The user logs in. The response is what Dapi's Connect passes to the page.
	_, login := call("POST", control+"link", map[string]any{"appKey": keys.AppKey})
	_, exchanged := call("POST", api+"/auth/ExchangeToken", map[string]any{
		"appSecret": keys.AppSecret, "accessCode": login["accessCode"], "connectionID": login["connectionID"],
	})
	fmt.Println("exchange:", exchanged["status"])

	_, clock := call("POST", control+"clock", map[string]any{"advance": "48h"})
	fmt.Println("day:", clock["now"].(string)[:10])

	call("POST", control+"fault", map[string]any{"fault": "server_error", "times": 1})
	status, _ := call("POST", api+"/data/accounts/get", map[string]any{})
	fmt.Println("fault:", status)

	_, staged := call("POST", control+"situation", map[string]any{"connectionID": "newest", "situation": "tip"})
	fmt.Println("situation:", staged["staged"])

	call("POST", control+"lapse", map[string]any{"connectionID": "newest"})
	_, all := call("GET", control+"links", nil)
	fmt.Println("state:", all["links"].([]any)[0].(map[string]any)["state"])

	// Output:
	// exchange: done
	// day: 2026-11-25
	// fault: 500
	// situation: tip
	// state: error
}
