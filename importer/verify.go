package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// VerifyError says that the server took a write and does not show it.
type VerifyError struct {
	ID     asset.ID
	Fields []merge.Conflict // Ours is what was sent, Theirs what the server has
}

func (e *VerifyError) Error() string {
	if len(e.Fields) == 0 {
		return "the server accepted it, but reading it back gives nothing"
	}
	names := make([]string, 0, 3)
	for _, f := range e.Fields[:min(3, len(e.Fields))] {
		names = append(names, f.Path)
	}
	more := ""
	if n := len(e.Fields) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("the server accepted it, but reading it back differs at %s%s", strings.Join(names, ", "), more)
}

// verify reads back everything that was written without an error and compares
// it with what was planned, whatever the server answered (SPEC promise 3). done is
// a part of Outcome.Done.
func (r *run) verify(ctx context.Context, done []Done) {
	var ids []asset.ID
	for _, d := range done {
		if d.Err == nil {
			ids = append(ids, d.ID)
		}
	}
	var live *asset.Set
	var err error
	if len(ids) > 0 { // a stopped run still finds out what it did
		work, cancel := finishing(ctx)
		live, err = r.o.Read(work, ids)
		cancel()
	}
	r.out.readBack(live)
	for i := range done {
		d := &done[i]
		switch {
		case d.Err != nil:
		case err != nil && d.Action == Delete:
			d.Err = fmt.Errorf("deleted, but whether it is gone could not be read: %w", err)
		case err != nil:
			d.Err = fmt.Errorf("written, but reading it back failed, so it is not verified: %w", err)
		default:
			d.Err = check(d, live)
			d.Verified = d.Err == nil
		}
		if r.o.Progress != nil {
			r.o.Progress(*d)
		}
	}
}

// readBack adds to Live what was read of a part.
func (o *Outcome) readBack(live *asset.Set) {
	if o.Live == nil || live == nil {
		if live != nil {
			o.Live = live
		}
		return
	}
	for a := range live.All() {
		o.Live.Add(a)
	}
	for _, f := range live.Failed() {
		o.Live.Fail(f)
	}
}

func check(d *Done, live *asset.Set) error {
	if f, bad := live.Unreadable(d.ID); bad {
		return fmt.Errorf("%s, but it cannot be read back: %w", map[bool]string{true: "deleted", false: "written"}[d.Action == Delete], f.Err)
	}
	got := live.Get(d.ID)
	if d.Action == Delete {
		if got != nil {
			return errors.New("the server accepted the deletion, but it is still there")
		}
		return nil
	}
	if got == nil {
		return &VerifyError{ID: d.ID}
	}
	exempt := slices.Clone(got.Unread)
	for _, n := range d.Omitted {
		exempt = append(exempt, n.Path)
	}
	d.Unread = holding(d.After.Content, got.Unread)
	have, err := merge.Take(got.Content, d.After.Content, exempt)
	if err != nil {
		return err
	}
	want, err := merge.Unsaid(d.After.Content, have)
	if err != nil {
		return err
	}
	if bytes.Equal(have, want) {
		return nil
	}
	fields, err := merge.Differences(want, have)
	if err != nil {
		return err
	}
	return &VerifyError{ID: d.ID, Fields: fields}
}

// holding lists the pointers at which the document has a value.
func holding(doc []byte, pointers []string) []string {
	if len(pointers) == 0 {
		return nil
	}
	root, err := asset.Parse(doc)
	if err != nil {
		return pointers
	}
	var out []string
	for _, p := range pointers {
		if keys, err := asset.Split(p); err != nil || asset.Get(root, keys...) != nil {
			out = append(out, p)
		}
	}
	return out
}
