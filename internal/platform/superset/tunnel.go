package superset

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// settleTunnel decides what happens to the SSH tunnel of a connection that the
// server has. The importer writes Superset's own mask as a value (it looks the
// stored secrets up by the database's uuid, they are kept by the tunnel's), and
// refuses a tunnel without secrets; so a tunnel whose secrets stay what they are
// is written by PUT, which knows the mask and tries the connection, and only when
// something else of it changed. So is the removal of one that Git has no more
// (6.1.0, daos/database.py).
func (im *importing) settleTunnel(ctx context.Context, j *job, spec *yaml.Node, kept bool) error {
	e, exists := im.index.get(j.id())
	if !exists {
		return nil
	}
	j.put = nil
	want := asset.Get(spec, "ssh_tunnel")
	if want != nil && !kept {
		return nil
	}
	have, err := im.tunnelNow(ctx, e.row)
	if err != nil {
		return err
	}
	switch {
	case want == nil && have != nil:
		j.put = map[string]any{"ssh_tunnel": nil}
	case want != nil:
		asset.Delete(spec, "ssh_tunnel")
		if asset.Equal(want, have) {
			return nil
		}
		text, err := asset.ToJSON(want)
		if err != nil {
			return err
		}
		j.put = map[string]any{"ssh_tunnel": json.RawMessage(text)}
	}
	return nil
}

// tunnelNow reads a connection's tunnel with its secrets masked; nil for none,
// and where the server does not show connections.
func (im *importing) tunnelNow(ctx context.Context, row int) (*yaml.Node, error) {
	var out struct {
		Result struct {
			Tunnel json.RawMessage `json:"ssh_tunnel"`
		} `json:"result"`
	}
	err := im.c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/database/" + strconv.Itoa(row) + "/connection"}, &out)
	switch {
	case isAnswer(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.Result.Tunnel) == 0 || string(out.Result.Tunnel) == "null":
		return nil, nil
	}
	n, err := asset.FromJSON(string(out.Result.Tunnel))
	if err != nil {
		return nil, fmt.Errorf("read the SSH tunnel: %w", err)
	}
	asset.Delete(n, "id")
	return n, nil
}

// finishTunnels sends what the importer could not take.
func (im *importing) finishTunnels(ctx context.Context, jobs []*job) {
	for _, j := range jobs {
		e, ok := im.index.get(j.id())
		if !ok || j.put == nil || im.results[j.id()].Err != nil {
			continue
		}
		err := im.c.http.Send(ctx, http.MethodPut, "/api/v1/database/"+strconv.Itoa(e.row), j.put, nil)
		if err != nil {
			im.fail(j.id(), fmt.Errorf("%s: written, but its SSH tunnel was not: %w", j.path, err))
		}
	}
}
