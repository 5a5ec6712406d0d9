package main

// This file serves the smallest linking flow.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/bankhttp/launcher"
	"github.com/bankmux/bankmux/providers/moneykit"
	"github.com/bankmux/bankmux/virtualbank"
)

func main() {
	bank := virtualbank.New(virtualbank.Options{Seed: 1})
	server, err := virtualbank.Start(bank, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	a, err := newApp(server, bank.Credentials())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /launcher.js", launcher.Handler())
	mux.HandleFunc("POST /link", a.start)
	mux.HandleFunc("POST /link/{session}", a.finish)

	rosa, omar := browser{bank, mux, "rosa"}, browser{bank, mux, "omar"}
	started := rosa.post("/link?country=US", nil)
	payload := rosa.connect(started.Launch)
	fmt.Println("omar, with rosa's form:", omar.post("/link/"+started.Session, payload).Error)
	first := rosa.post("/link/"+started.Session, payload)
	again := rosa.post("/link/"+started.Session, payload)
	fmt.Println("rosa:", first.Institution.Name, first.State)
	fmt.Println("the same form again, the same connection:", first.ID == again.ID)

	started = omar.post("/link?country=AE", nil)
	fmt.Println("omar leaves:", omar.post("/link/"+started.Session, []byte(`{"error":null}`)).Error)
	linked := omar.post("/link/"+started.Session, omar.connect(started.Launch))
	fmt.Println("omar:", linked.Institution.Name, linked.State)
}

// browser plays a user and the page.
type browser struct {
	bank *virtualbank.Bank
	mux  http.Handler
	user string
}

// response is what the back end sends.
type response struct {
	Session string
	Launch  bankmux.Launch
	Error   string
	bankmux.ConnectionView
}

func (b browser) post(path string, body []byte) (got response) {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("User", b.user)
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	_ = json.Unmarshal(w.Body.Bytes(), &got)
	return got
}

// connect is the provider's page, where the user picks a bank and logs in.
func (b browser) connect(launch bankmux.Launch) json.RawMessage {
	if launch.Provider == moneykit.Name {
		payload, _ := b.bank.LinkMoneyKit(virtualbank.MoneyKitLink{LinkSessionToken: launch.Token.Reveal()})
		return payload
	}
	payload, _ := b.bank.LinkDapi(virtualbank.DapiLink{AppKey: launch.AppKey, Countries: launch.Countries})
	return payload
}
