package supersettest

import (
	"bytes"
	"net/http"
)

// answer is a response held back, to be sent later or changed first.
type answer struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{head: http.Header{}, status: http.StatusOK} }

func (a *answer) Header() http.Header         { return a.head }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) send(w http.ResponseWriter) {
	for k, v := range a.head {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}
