package main

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/term"

	syncer "github.com/dashkeep/dashkeep/sync"
)

// ticker shows the step in hand on one line of a terminal and takes it away
// again. Off a terminal it is silent.
type ticker struct {
	w     io.Writer
	width int // columns of the terminal; 0 when there is none

	mu    sync.Mutex
	shown bool
}

func newTicker(w io.Writer, quiet bool) *ticker {
	t := &ticker{w: w}
	if f, ok := w.(interface{ Fd() uintptr }); ok && !quiet && terminal(w) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			t.width = width
		}
	}
	return t
}

// show replaces what stands on the line.
func (t *ticker) show(ev syncer.Event) {
	if t.width == 0 {
		return
	}
	text := ev.Instance + ": " + oneLine(ev.Text)
	if ev.Total > 0 {
		const cells = 20
		full := cells * ev.Done / ev.Total
		text = fmt.Sprintf("%s: [%s%s] %d/%d %s", ev.Instance, strings.Repeat("█", full), strings.Repeat("·", cells-full), ev.Done, ev.Total, oneLine(ev.Text))
	}
	if r := []rune(text); len(r) >= t.width {
		text = string(r[:t.width-2]) + "…"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown = true
	fmt.Fprintf(t.w, "\r\x1b[K%s", text)
}

// clear takes the line away so that results start on a clean one.
func (t *ticker) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shown {
		t.shown = false
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}
