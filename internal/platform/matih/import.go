package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// Import writes one dashboard after the other. The API has no call that writes a
// dashboard whole, so each is brought step by step to where it should be: found
// or created, read, its metadata, then its widgets, then who may see it. The
// first step that fails ends that dashboard with a *PartialError; nothing is
// rolled back, because what another person may have seen or changed by now is not
// this package's to undo, and the engine keeps a pre-image. Running it again goes
// on from wherever it stopped.
//
// deps is only asked which uids are already another asset's.
func (c *conn) Import(ctx context.Context, as []*asset.Asset, deps *asset.Set) []asset.Result {
	out := make([]asset.Result, len(as))
	for i, a := range as {
		out[i].ID = a.ID
		if err := ctx.Err(); err != nil {
			out[i].Err = fmt.Errorf("not written: %w", err)
			continue
		}
		j, err := c.newJob(a, deps)
		if err != nil {
			out[i].Err = fmt.Errorf("instance %s: nothing was written: %w", c.instance, err)
			continue
		}
		out[i].Err = j.run(ctx)
		out[i].Omitted = j.omitted()
	}
	return out
}

// job is one dashboard on its way to the server.
type job struct {
	c       *conn
	doc     *asset.Document
	deps    *asset.Set
	want    *board   // canonical, secrets masked: what a read-back should show
	body    *board   // the same to be sent: defaults spelled out, secrets in their places
	access  *sharing // sent last
	notes   []asset.Note
	server  string // bound to it, which may be gone; "" for none
	was     *state // the server's before the first change; nil until it is read
	done    progress
	started bool // something may have been written
}

func (c *conn) newJob(a *asset.Asset, deps *asset.Set) (*job, error) {
	canonical, err := normalize.Load(a.Path, a.Content, Rules())
	if err != nil {
		return nil, err
	}
	if canonical.ID != a.ID {
		return nil, fmt.Errorf("%s: the document is %s, not %s", a.Path, canonical.ID, a.ID)
	}
	doc, err := asset.ParseDocument(a.Path, canonical.Content)
	if err != nil {
		return nil, err
	}
	j := &job{c: c, doc: doc, deps: deps}
	if j.want, err = boardOf(canonical); err != nil {
		return nil, err
	}
	j.access, err = shareOf(doc, c.o.Sharing)
	return j, err
}

func (j *job) omitted() []asset.Note { return append(j.notes, j.access.notes...) }

func (j *job) run(ctx context.Context) error {
	if err := j.settle(ctx); err != nil {
		return j.failed(err)
	}
	j.plan()
	for _, step := range []func(context.Context) error{j.writeMeta, j.writeWidgets, j.writeAccess} {
		if err := step(ctx); err != nil {
			return j.failed(err)
		}
	}
	return nil
}

// settle finds the dashboard on the server, or makes it, and reads it.
func (j *job) settle(ctx context.Context) error {
	was, err := j.find(ctx)
	if err != nil {
		return err
	}
	if err := j.foreignWidgets(ctx); err != nil {
		return err
	}
	if was == nil {
		if was, err = j.make(ctx); err != nil {
			return err
		}
	}
	j.was = was
	if err := j.keepFixed(); err != nil {
		return err
	}
	return j.fill(ctx, was.open)
}

// find is the dashboard as it is on the server, nil when it has none yet.
func (j *job) find(ctx context.Context) (*state, error) {
	server, ok, err := j.c.serverOf(ctx, j.doc.ID())
	if err != nil || !ok {
		return nil, err
	}
	j.server = server
	d, err := j.c.fetch(ctx, server)
	if errors.Is(err, errGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return j.c.stateOf(d)
}

// foreignWidgets refuses a document whose widgets are bound to another dashboard
// that is still there, as in a copied file: writing them would take their
// identity away from the other one.
func (j *job) foreignWidgets(ctx context.Context) error {
	asked := map[string]bool{j.server: true} // where the dashboard is, or was before it was deleted
	for _, w := range j.want.widgets {
		at, ok := j.c.ids.Server(asset.ID{Kind: kindWidget, UID: w.uid})
		other, _, _ := strings.Cut(at, "/")
		if !ok || asked[other] {
			continue
		}
		asked[other] = true
		d, err := j.c.fetch(ctx, other)
		switch {
		case errors.Is(err, errGone):
		case errors.Is(err, errHidden):
			return fmt.Errorf("widget %s is already one of another dashboard, which this account may not see: give the widgets of a copied dashboard uids of their own", w.uid)
		case err != nil:
			return err
		case d.widgets[w.uid] != "":
			return fmt.Errorf("widget %s is already one of %s %q: give the widgets of a copied dashboard uids of their own", w.uid, d.info.ID, d.info.Title)
		}
	}
	return nil
}

// fill makes the body out of the document, with secrets in place of masks.
func (j *job) fill(ctx context.Context, open *yaml.Node) error {
	spec, notes, err := normalize.Denormalize(j.doc, Rules().Kinds[kindDashboard], normalize.Server{})
	if err != nil {
		return err
	}
	left, err := j.c.reveal(ctx, j.doc, spec, open)
	if err != nil {
		return err
	}
	j.notes = append(j.notes, append(notes, left...)...)
	j.body, err = split(spec)
	return err
}

// keepFixed lets the server's value be where the document names none and none
// stands for "unset": it can be neither sent nor compared.
func (j *job) keepFixed() error {
	j.keep(j.want.meta, j.was.meta, "visibility")
	for i := range j.want.widgets {
		w := &j.want.widgets[i]
		for _, key := range []string{"name", "widget_type", "position"} {
			j.keep(w.node, j.was.get(w.uid), key, "widgets", "uid="+w.uid)
		}
		if err := w.read(); err != nil {
			return err
		}
	}
	return nil
}

// keep does it for one key of an object, which stands at the keys at of the spec.
func (j *job) keep(want, live *yaml.Node, key string, at ...string) {
	has := asset.Get(live, key)
	if has == nil || asset.Get(want, key) != nil {
		return
	}
	at = append(at, key)
	asset.Put(want, asset.Clone(has), key)
	asset.Put(j.doc.Spec, asset.Clone(has), at...)
	j.notes = append(j.notes, asset.Note{ID: j.doc.ID(), Path: asset.Pointer(append([]string{"spec"}, at...)...),
		Text: "the file names none, and there is no way to take it away on the server: left as it is there"})
}

// writeMeta sends the metadata when it differs.
func (j *job) writeMeta(ctx context.Context) error {
	if !j.done.pendingMeta {
		return nil
	}
	j.started = true
	body := complete(j.body.meta, j.was.d.doc, ownedKeys("/"))
	j.c.m.dashboardOut(body)
	if _, err := j.c.send(ctx, http.MethodPut, j.c.o.dashboard(j.was.d.server), body); err != nil {
		return fmt.Errorf("update its metadata: %w", err)
	}
	j.done.Metadata, j.done.pendingMeta = true, false
	return nil
}

// writeAccess sends who may see it. There is no reading it back, so it is sent
// each time.
func (j *job) writeAccess(ctx context.Context) error {
	if j.access.body == nil {
		return nil
	}
	j.started = true
	if _, err := j.c.send(ctx, http.MethodPost, j.c.o.share(j.was.d.server), j.access.body); err != nil {
		return fmt.Errorf("share it: %w", err)
	}
	j.done.pendingShare = false
	return nil
}
