package matih

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Progress is how far the writing of one dashboard came. Widgets are named by
// title and uid.
type Progress struct {
	Created                 string // the server's id of the new dashboard, "" when it was there
	Adopted                 string // the same of one that an earlier run had created
	Metadata                bool   // was updated
	Added, Changed, Deleted []string
	Left                    []string // what was not reached, in words
}

// progress is Progress in the making.
type progress struct {
	Progress
	pendingMeta, pendingShare bool
	toAdd, toChange, toDelete []widget
	adopted                   map[string]string // widget uid in the document to the server's id, of equal widgets under other uids
}

// PartialError says that a dashboard did not become what was wanted, and what of
// it was done before that. The state before is in the run's pre-image.
type PartialError struct {
	Instance string
	ID       asset.ID
	Title    string
	Done     Progress
	Err      error
}

func (e *PartialError) Unwrap() error { return e.Err }

func (e *PartialError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "instance %s: %s %q: %v; ", e.Instance, e.ID, e.Title, e.Err)
	var done []string
	if e.Done.Created != "" {
		done = append(done, "created as "+e.Done.Created)
	}
	if e.Done.Adopted != "" {
		done = append(done, "found as "+e.Done.Adopted+", left by an earlier run")
	}
	if e.Done.Metadata {
		done = append(done, "metadata updated")
	}
	for _, l := range []struct {
		verb  string
		names []string
	}{{"added", e.Done.Added}, {"changed", e.Done.Changed}, {"deleted", e.Done.Deleted}} {
		if len(l.names) > 0 {
			done = append(done, "widgets "+l.verb+": "+few(l.names))
		}
	}
	if len(done) == 0 {
		done = append(done, "nothing")
	}
	b.WriteString("done before that: " + strings.Join(done, "; "))
	if len(e.Done.Left) > 0 {
		b.WriteString("; not reached or not certain: " + few(e.Done.Left))
	}
	b.WriteString("; nothing was rolled back: what it was before is in this run's pre-image (refs/dashkeep/backup/" + e.Instance + "), and applying again goes on from here")
	return b.String()
}

// few keeps a message short.
func few(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// failed is the error of a job, with what it did when it did anything.
func (j *job) failed(err error) error {
	err = j.c.sent.Error(err)
	if !j.started && j.done.Adopted == "" {
		return fmt.Errorf("instance %s: %s %q: nothing was written: %w", j.c.instance, j.doc.ID(), j.doc.Title, err)
	}
	p := j.done.Progress
	if j.was == nil {
		p.Left = append(p.Left, "its metadata and widgets")
	}
	if j.done.pendingMeta {
		p.Left = append(p.Left, "its metadata")
	}
	for _, l := range []struct {
		verb string
		ws   []widget
	}{{"add", j.done.toAdd}, {"change", j.done.toChange}, {"delete", j.done.toDelete}} {
		for _, w := range l.ws {
			p.Left = append(p.Left, l.verb+" "+w.name())
		}
	}
	if j.done.pendingShare {
		p.Left = append(p.Left, "its sharing")
	}
	return &PartialError{Instance: j.c.instance, ID: j.doc.ID(), Title: j.doc.Title, Done: p, Err: err}
}

// name is how people are told of a widget.
func (w widget) name() string {
	return fmt.Sprintf("%q (%s)", asset.Text(asset.Get(w.node, "name")), w.uid)
}

// plan compares what is wanted with what is there.
func (j *job) plan() {
	j.done.pendingMeta = !asset.Equal(j.want.meta, j.was.meta)
	j.done.pendingShare = j.access.body != nil
	wanted := map[string]bool{}
	for _, w := range j.want.widgets {
		wanted[w.uid] = true
	}
	var spare, missing []widget // live ones nobody wants under their uid; wanted ones that are not there
	for _, w := range j.was.widgets {
		if !wanted[w.uid] {
			spare = append(spare, w)
		}
	}
	for _, w := range j.want.widgets {
		live := j.was.get(w.uid)
		switch {
		case live == nil:
			missing = append(missing, w)
		case !asset.Equal(w.node, live):
			j.done.toChange = append(j.done.toChange, w)
		}
	}
	pairs := twins(spare, missing)
	j.done.adopted = map[string]string{}
	for old, uid := range pairs {
		j.done.adopted[uid] = j.was.d.widgets[old]
	}
	j.done.toAdd = slices.DeleteFunc(missing, func(w widget) bool { return j.done.adopted[w.uid] != "" })
	j.done.toDelete = slices.DeleteFunc(spare, func(w widget) bool { return pairs[w.uid] != "" })
}
