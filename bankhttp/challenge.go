package bankhttp

// This file shows the questions of banks to the browser.

import (
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"github.com/bankmux/bankmux"
)

// Challenge is a question of a bank to the user, as a browser gets it. The texts come from the
// bank, so escape them.
type Challenge struct {
	ID         string    `json:"id"`                  // post the answers to the handler of [Service.Answer]
	Connection string    `json:"connection"`          // [bankmux.Connection.ID]
	ExpiresAt  time.Time `json:"expires_at,omitzero"` // the bank may close it earlier
	Inputs     []Input   `json:"inputs"`
}

// Input is one question of a [Challenge]. See [bankmux.Input].
type Input struct {
	Kind    bankmux.InputKind `json:"kind"`
	Query   string            `json:"query,omitempty"`
	Options []string          `json:"options,omitempty"` // the answer is the number of one, from 0
	Image   string            `json:"image,omitempty"`   // a data URI of a PNG, JPEG, GIF or WebP picture
}

// challengeOf returns the part of a stored challenge that a browser may have.
func challengeOf(id string, ch bankmux.Challenge) *Challenge {
	c := &Challenge{ID: id, Connection: ch.Connection, ExpiresAt: ch.ExpiresAt, Inputs: []Input{}}
	for _, in := range ch.Inputs {
		c.Inputs = append(c.Inputs, Input{
			Kind: in.Kind, Query: in.Query, Options: slices.Clone(in.Options), Image: dataURI(in.Image),
		})
	}
	return c
}

// dataURI returns a picture as text. It returns "" for anything that is not one of the pictures
// that cannot hold a script.
func dataURI(image []byte) string {
	switch kind := http.DetectContentType(image); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(image)
	}
	return ""
}
