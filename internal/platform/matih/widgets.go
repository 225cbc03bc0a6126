package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// writeWidgets adds, changes and deletes, in this order: at no moment is there
// less than before and after. Equal widgets under other uids, which a run leaves
// that was killed before it could bind them, are taken over as they are. What was
// added is bound in one go, also when a later one fails: until then its content
// says which it is.
func (j *job) writeWidgets(ctx context.Context) error {
	var bs []platform.Binding
	bind := func(uid, wid string) {
		bs = append(bs, platform.Binding{ID: asset.ID{Kind: kindWidget, UID: uid}, Server: j.was.d.server + "/" + wid})
	}
	for _, w := range j.want.widgets {
		if wid := j.done.adopted[w.uid]; wid != "" {
			bind(w.uid, wid)
		}
	}
	err := j.addWidgets(ctx, bind)
	if len(bs) > 0 {
		berr := j.c.ids.Bind(bs...)
		switch {
		case berr != nil && err != nil:
			return fmt.Errorf("%w; which widgets were added cannot be kept either: %w", err, berr)
		case berr != nil:
			return fmt.Errorf("which widgets were added cannot be kept: %w", berr)
		}
	}
	if err != nil {
		return err
	}
	if err := j.changeWidgets(ctx); err != nil {
		return err
	}
	return j.deleteWidgets(ctx)
}

func (j *job) addWidgets(ctx context.Context, bind func(uid, wid string)) error {
	known := map[string]bool{} // the server's ids
	for _, wid := range j.was.d.widgets {
		known[wid] = true
	}
	for len(j.done.toAdd) > 0 {
		w := j.done.toAdd[0]
		wid, err := j.addWidget(ctx, w, known)
		if err != nil {
			return fmt.Errorf("add widget %s: %w", w.name(), err)
		}
		known[wid] = true
		bind(w.uid, wid)
		j.done.Added = append(j.done.Added, w.name())
		j.done.toAdd = j.done.toAdd[1:]
	}
	return nil
}

// addWidget adds one and returns its id on the server. A request without an
// answer is not repeated: the dashboard is read back instead.
func (j *job) addWidget(ctx context.Context, w widget, known map[string]bool) (string, error) {
	server := j.was.d.server
	body := complete(j.body.get(w.uid), nil, ownedKeys("/widgets/*/"))
	j.c.m.widgetOut(body)
	j.started = true
	wid, err := j.c.post(ctx, j.c.o.widgets(server), body, j.c.m.widget, kindWidget)
	switch {
	case err != nil && refused(err):
		return "", err
	case err == nil && wid != "" && wid != server && !known[wid]:
		return wid, nil
	}
	found, ferr := j.addedWidget(ctx, w, known, err != nil)
	switch {
	case ferr != nil:
		return "", fmt.Errorf("%w; whether it was added is not known (%w); the next run looks for it", orNoID(err), ferr)
	case found == "":
		return "", fmt.Errorf("%w; it is not among the widgets that are there now", orNoID(err))
	}
	return found, nil
}

// addedWidget looks for a widget that was not there before. When the answer was
// lost only one of equal content counts; when the server said OK, the only new
// one may have been changed by the server itself, which the read-back shows.
func (j *job) addedWidget(ctx context.Context, w widget, known map[string]bool, lost bool) (string, error) {
	d, err := j.c.fetch(ctx, j.was.d.server)
	if err != nil {
		return "", err
	}
	now, err := j.c.stateOf(d)
	if err != nil {
		return "", err
	}
	var fresh []string
	for _, have := range now.widgets {
		wid := d.widgets[have.uid]
		if known[wid] {
			continue
		}
		if asset.Equal(have.node, w.node) {
			return wid, nil
		}
		fresh = append(fresh, wid)
	}
	switch {
	case lost || len(fresh) == 0:
		return "", nil
	case len(fresh) > 1:
		return "", fmt.Errorf("the server gave no id, and %d new widgets are there: %s", len(fresh), strings.Join(fresh, ", "))
	}
	return fresh[0], nil
}

func (j *job) changeWidgets(ctx context.Context) error {
	for len(j.done.toChange) > 0 {
		w := j.done.toChange[0]
		body := complete(j.body.get(w.uid), asset.Get(j.was.d.doc, "widgets", "uid="+w.uid), ownedKeys("/widgets/*/"))
		j.c.m.widgetOut(body)
		j.started = true
		if _, err := j.c.send(ctx, http.MethodPut, j.c.o.widget(j.was.d.server, j.was.d.widgets[w.uid]), body); err != nil {
			return fmt.Errorf("change widget %s: %w", w.name(), err)
		}
		j.done.Changed = append(j.done.Changed, w.name())
		j.done.toChange = j.done.toChange[1:]
	}
	return nil
}

func (j *job) deleteWidgets(ctx context.Context) error {
	for len(j.done.toDelete) > 0 {
		w := j.done.toDelete[0]
		j.started = true
		_, err := j.c.send(ctx, http.MethodDelete, j.c.o.widget(j.was.d.server, j.was.d.widgets[w.uid]), nil)
		if err != nil && !errors.Is(err, errGone) {
			return fmt.Errorf("delete widget %s: %w", w.name(), err)
		}
		j.done.Deleted = append(j.done.Deleted, w.name())
		j.done.toDelete = j.done.toDelete[1:]
	}
	return nil
}
