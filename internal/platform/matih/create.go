package matih

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// make adopts what an earlier run left behind, or creates the dashboard. It is
// bound, durably, before anything else is done.
func (j *job) make(ctx context.Context) (*state, error) {
	rows, err := j.c.recent(ctx)
	if err != nil {
		return nil, err
	}
	was, err := j.adopt(ctx, rows)
	if err != nil {
		return nil, err
	}
	if was == nil {
		if err := j.fill(ctx, nil); err != nil {
			return nil, err
		}
		j.notes = nil
		server, err := j.create(ctx, rows)
		if err != nil {
			return nil, err
		}
		j.done.Created = server
	} else {
		j.done.Adopted = was.d.server
	}
	server := j.done.Created + j.done.Adopted
	if err := j.c.ids.Bind(platform.Binding{ID: j.doc.ID(), Server: server}); err != nil {
		return nil, fmt.Errorf("dashboard %s of the server is it, but that cannot be kept: %w", server, err)
	}
	d, err := j.c.fetch(ctx, server)
	if err != nil {
		return nil, fmt.Errorf("read what was just created: %w", err)
	}
	return j.c.stateOf(d)
}

// create sends the dashboard without its widgets and returns its new id.
func (j *job) create(ctx context.Context, before []row) (string, error) {
	body := complete(j.body.meta, nil, ownedKeys("/"))
	j.c.m.dashboardOut(body)
	j.started = true
	server, err := j.c.post(ctx, j.c.o.list(), body, j.c.m.dashboard, kindDashboard)
	switch {
	case err != nil && refused(err):
		j.started = false
		return "", fmt.Errorf("create it: %w", err)
	case err == nil && server != "":
		return server, nil
	}
	return j.created(ctx, before, err)
}

// created looks for a dashboard whose creation was answered without an id, or not
// at all (lost). Sending it again could make a second one.
func (j *job) created(ctx context.Context, before []row, lost error) (string, error) {
	j.c.forget()
	rows, err := j.c.list(ctx)
	if err != nil {
		return "", fmt.Errorf("create it: %w; whether it was created is not known, for the list cannot be read (%w); the next run looks for it", orNoID(lost), err)
	}
	old := map[string]bool{}
	for _, r := range before {
		old[r.server] = true
	}
	var found []string
	for _, r := range rows {
		if r.info.Title != j.doc.Title || old[r.server] || !j.c.ids.Minted(r.info.ID) {
			continue
		}
		if lost != nil {
			if st, err := j.leftover(ctx, r); err != nil || st == nil {
				continue
			}
		}
		found = append(found, r.server)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("create it: %w; no new dashboard of this title is listed", orNoID(lost))
	}
	return "", fmt.Errorf("create it: %w; %d new dashboards of this title are listed (%s): delete those that nobody made on purpose, then apply again",
		orNoID(lost), len(found), strings.Join(found, ", "))
}

func orNoID(err error) error {
	if err == nil {
		return errors.New("the server answered OK without an id")
	}
	return err
}

// post creates an object and returns the id the answer gives, in its body or its
// Location header; "" when it gives none.
func (c *conn) post(ctx context.Context, path string, body *yaml.Node, of names, kind asset.Kind) (string, error) {
	text, err := asset.ToJSON(body)
	if err != nil {
		return "", fmt.Errorf("instance %s: POST %s: %w", c.instance, path, err)
	}
	res, err := c.do(ctx, apihttp.Request{Method: http.MethodPost, Path: path, Body: []byte(text), ContentType: "application/json"})
	if err != nil {
		return "", named(err)
	}
	if len(res.Body) > 0 {
		n, err := parse(res.Body)
		if err != nil {
			return "", fmt.Errorf("instance %s: POST %s: %w", c.instance, path, err)
		}
		if object, _ := unwrap(n, of, string(kind)); object != nil && of.id(object) != "" {
			return of.id(object), nil
		}
	}
	return lastSegment(res.Header.Get("Location"), path), nil
}

// lastSegment is the id in a Location, which must lie right below path.
func lastSegment(location, path string) string {
	location, _, _ = strings.Cut(location, "?")
	above, id, ok := cutLast(strings.TrimRight(location, "/"))
	if !ok || !strings.HasSuffix(above, path) || !plainID(id) {
		return ""
	}
	return id
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// refused reports that the server has surely not done what it was asked.
func refused(err error) bool {
	var answer *apihttp.Error
	var network *apihttp.NetworkError
	var login *platform.LoginError
	switch {
	case errors.As(err, &answer):
		return answer.Status/100 == 4 && answer.Status != http.StatusRequestTimeout || answer.Status/100 == 3
	case errors.As(err, &network):
		return network.Kind == apihttp.Unreachable || network.Kind == apihttp.DNS || network.Kind == apihttp.TLSFailure
	}
	return errors.As(err, &login)
}
