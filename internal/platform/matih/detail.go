package matih

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// detail is a dashboard as the server shows it now.
type detail struct {
	server  string            // its id on the server
	doc     *yaml.Node        // canonical field names; "uid", "name", …, "widgets": each with "uid"; ids of the server taken out, all else verbatim
	widgets map[string]string // widget uid -> the server's widget id
	info    asset.Info
	digest  [sha256.Size]byte // of the answer
}

// oddError says that an answer of status 200 is no dashboard this package can
// read: asking again does not help.
type oddError struct{ error }

func (e *oddError) Unwrap() error { return e.error }

func isOdd(err error) bool {
	var odd *oddError
	return errors.As(err, &odd)
}

// fetch reads one dashboard with its widgets. It returns errGone for 404,
// errHidden for 403 and an *oddError, wrapped, and never a detail that may be
// incomplete.
func (c *conn) fetch(ctx context.Context, server string) (*detail, error) {
	path := c.o.dashboard(server)
	body, err := c.getTagged(ctx, path)
	if err != nil {
		return nil, err
	}
	d, err := c.detailOf(server, body)
	if err != nil {
		return nil, fmt.Errorf("instance %s: GET %s: %w", c.instance, path, &oddError{err})
	}
	return d, nil
}

// raw is the document for normalize.Canonical and normalize.Open.
func (c *conn) raw(d *detail) *asset.Raw {
	return &asset.Raw{Info: d.info, Doc: d.doc, Digest: d.digest, Source: c.o.dashboard(d.server), Unread: []string{"/access"}}
}

func (c *conn) detailOf(server string, body []byte) (*detail, error) {
	answer, err := parse(body)
	if err != nil {
		return nil, err
	}
	n, err := c.dashboardOf(answer)
	if err != nil {
		return nil, err
	}
	switch id := c.m.dashboard.id(n); id {
	case server:
	case "":
		return nil, errors.New("the answer holds no dashboard that can be told: " + c.m.dashboard.missing("id"))
	default:
		return nil, fmt.Errorf("the server answers with another dashboard, %q", id)
	}
	d := &detail{server: server, widgets: map[string]string{}, digest: sha256.Sum256(body)}
	list, err := c.widgetList(n)
	if err != nil {
		return nil, err
	}
	if err := c.takeWidgets(d, list); err != nil {
		return nil, err
	}
	asset.Put(n, list, c.m.dashboard.onWire("widgets"))
	dropIDs(n, c.m.dashboard, server)
	c.m.dashboardIn(n)
	if v := asset.Get(n, "name"); v == nil || v.Tag != asset.TagStr && v.Tag != asset.TagNull {
		return nil, errors.New("it has no title: " + c.m.dashboard.missing("name"))
	}
	uid := c.ids.UID(kindDashboard, server)
	asset.Put(n, asset.Str(uid), "uid")
	d.doc, d.info = n, infoOf(asset.ID{Kind: kindDashboard, UID: uid}, n)
	return d, nil
}

// widgetList is the list of widgets in a dashboard as it is on the wire. No list
// is only right when the server says that there are none: a list that moved to
// another key must not read as a dashboard that lost its widgets.
func (c *conn) widgetList(n *yaml.Node) (*yaml.Node, error) {
	names := c.m.dashboard
	list, count := asset.Get(n, names.onWire("widgets")), asset.Get(n, names.onWire("widget_count"))
	counted := -1
	if count != nil && count.Tag == asset.TagInt {
		if i, err := strconv.Atoi(count.Value); err == nil {
			counted = i
		}
	}
	switch {
	case asset.IsSeq(list):
		if counted >= 0 && counted != len(list.Content) {
			return nil, fmt.Errorf("it has %d widgets under %q and says %d under %q; when these are other things here, say so under %s.widgets or .widget_count",
				len(list.Content), names.onWire("widgets"), counted, names.onWire("widget_count"), names.option)
		}
		return list, nil
	case list != nil && list.Tag != asset.TagNull:
		return nil, fmt.Errorf("what stands under %q is no list; when widgets stand elsewhere, say so under %s.widgets", names.onWire("widgets"), names.option)
	case counted == 0:
		return asset.Seq(), nil
	case counted > 0:
		return nil, fmt.Errorf("it says that it has %d widgets and shows none: %s", counted, names.missing("widgets"))
	}
	return nil, fmt.Errorf("whether it has widgets cannot be told: there is no list under %q and no number under %q; when this server calls them otherwise, say so under %s.widgets or .widget_count",
		names.onWire("widgets"), names.onWire("widget_count"), names.option)
}

// takeWidgets gives each widget its uid in place of the server's id.
func (c *conn) takeWidgets(d *detail, list *yaml.Node) error {
	seen := make(map[string]bool, len(list.Content))
	for i, w := range list.Content {
		if !asset.IsMap(w) {
			return fmt.Errorf("widget %d is no object", i+1)
		}
		wid := c.m.widget.id(w)
		switch {
		case wid == "":
			return fmt.Errorf("widget %d has no id: %s", i+1, c.m.widget.missing("id"))
		case seen[wid]:
			return fmt.Errorf("two widgets have the id %q", wid)
		}
		seen[wid] = true
		dropIDs(w, c.m.widget, wid)
		c.m.widgetIn(w)
		uid := c.ids.UID(kindWidget, d.server+"/"+wid)
		asset.Put(w, asset.Str(uid), "uid")
		d.widgets[uid] = wid
	}
	return nil
}

// dropIDs takes the object's own id out, under each name it has.
func dropIDs(object *yaml.Node, n names, id string) {
	for _, name := range n.ids {
		if v := asset.Get(object, name); v != nil && v.Value == id {
			asset.Delete(object, name)
		}
	}
}
