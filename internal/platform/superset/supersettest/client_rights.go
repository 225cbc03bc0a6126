package supersettest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Add makes a report or a row-level security rule, named charts, dashboards,
// databases, datasets ("tables") and roles by title or uuid, and gives its row.
func (c *Client) Add(ctx context.Context, kind string, fields map[string]any) (int, error) {
	body, err := c.rowsFor(ctx, fields)
	if err != nil {
		return 0, err
	}
	path := "/api/v1/" + kind + "/"
	status, raw, err := c.Do(ctx, http.MethodPost, path, body)
	if err != nil {
		return 0, err
	}
	if status != http.StatusCreated {
		return 0, &StatusError{http.MethodPost, path, status, string(raw)}
	}
	var answer struct {
		ID int `json:"id"`
	}
	return answer.ID, json.Unmarshal(raw, &answer)
}

// Set changes what fields name of a report or rule, found by its name, or for two
// of a name by its row.
func (c *Client) Set(ctx context.Context, kind string, row int, fields map[string]any) error {
	body, err := c.rowsFor(ctx, fields)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/api/v1/%s/%d", kind, row)
	status, raw, err := c.Do(ctx, http.MethodPut, path, body)
	if err == nil && status != http.StatusOK && status != http.StatusCreated {
		err = &StatusError{http.MethodPut, path, status, string(raw)}
	}
	return err
}

// Object is a report or rule as the API shows it.
func (c *Client) Object(ctx context.Context, kind string, row int) (map[string]any, error) {
	var answer struct {
		Result map[string]any `json:"result"`
	}
	err := c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/%s/%d", kind, row), nil, &answer)
	return answer.Result, err
}

// Remove deletes a row of any kind.
func (c *Client) Remove(ctx context.Context, kind string, row int) error {
	return c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/%s/%d", kind, row), nil, nil)
}

func (c *Client) rowsFor(ctx context.Context, fields map[string]any) (map[string]any, error) {
	body := maps.Clone(fields)
	find := func(kind string, v any) (any, error) {
		title, named := v.(string)
		if !named {
			return v, nil
		}
		it, err := c.Find(ctx, kind, title)
		return it.ID, err
	}
	for _, kind := range []string{Chart, Dashboard, Database} {
		if v, ok := fields[kind]; ok {
			row, err := find(kind, v)
			if err != nil {
				return nil, err
			}
			body[kind] = row
		}
	}
	for key, kind := range map[string]string{"tables": Dataset, "roles": "role"} {
		titles, ok := fields[key].([]string)
		if !ok {
			continue
		}
		rows := []int{}
		for _, title := range titles {
			it, err := Item{}, error(nil)
			if kind == Dataset {
				it, err = c.Find(ctx, kind, title)
			} else {
				it.ID, err = c.Role(ctx, title)
			}
			if err != nil {
				return nil, err
			}
			rows = append(rows, it.ID)
		}
		body[key] = rows
	}
	return body, nil
}

// Permissions lists every permission, "permission on view", with its row.
func (c *Client) Permissions(ctx context.Context) (map[string]int, error) {
	out := map[string]int{}
	for page := 0; ; page++ {
		var answer struct {
			Count  int        `json:"count"`
			Result []viewLine `json:"result"`
		}
		q := fmt.Sprintf("(order_column:id,order_direction:asc,page:%d,page_size:%d,columns:!(id,permission.name,view_menu.name))", page, maxPage)
		if err := c.call(ctx, http.MethodGet, "/api/v1/security/permissions-resources/?q="+q, nil, &answer); err != nil {
			return nil, err
		}
		for _, l := range answer.Result {
			out[l.Permission.Name+" on "+l.View.Name] = l.ID
		}
		if (page+1)*maxPage >= answer.Count || len(answer.Result) == 0 {
			return out, nil
		}
	}
}

type viewLine struct {
	ID         int                   `json:"id"`
	Permission struct{ Name string } `json:"permission"`
	View       struct{ Name string } `json:"view_menu"`
}

// Grant makes the permissions of a role, which is made where it is missing, those
// given: "can_read on Chart", or a start of one ("datasource_access on [db].[t]("),
// which must fit one alone.
func (c *Client) Grant(ctx context.Context, role string, permissions ...string) error {
	known, err := c.Permissions(ctx)
	if err != nil {
		return err
	}
	ids := []int{}
	for _, p := range permissions {
		id, ok := known[p]
		if !ok {
			var fits []string
			for text, at := range known {
				if strings.HasPrefix(text, p) {
					fits, id = append(fits, text), at
				}
			}
			if len(fits) != 1 {
				return fmt.Errorf("%q fits the permissions %q", p, fits)
			}
		}
		ids = append(ids, id)
	}
	row, err := c.Role(ctx, role)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, fmt.Sprintf("/api/v1/security/roles/%d/permissions", row),
		map[string]any{"permission_view_menu_ids": ids}, nil)
}

// Granted lists the permissions of a role, sorted.
func (c *Client) Granted(ctx context.Context, role string) ([]string, error) {
	row, err := c.account(ctx, "roles", "name", role)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result []struct {
			Permission string `json:"permission_name"`
			View       string `json:"view_menu_name"`
		} `json:"result"`
	}
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/security/roles/%d/permissions/", row), nil, &answer)
	var out []string
	for _, p := range answer.Result {
		out = append(out, p.Permission+" on "+p.View)
	}
	slices.Sort(out)
	return out, err
}

// dropRights deletes every report, rule and role that a plain installation does not
// have, as far as the server has their APIs, and empties Public.
func (c *Client) dropRights(ctx context.Context) error {
	for _, kind := range []string{Report, Rule} {
		var list struct {
			Result []Item `json:"result"`
		}
		err := c.call(ctx, http.MethodGet, "/api/v1/"+kind+"/?q=(page_size:100)", nil, &list)
		if off(err) {
			continue
		}
		for _, it := range list.Result {
			err = errors.Join(err, c.Remove(ctx, kind, it.ID))
		}
		if err != nil {
			return err
		}
	}
	var roles struct {
		Result []struct{ Name string } `json:"result"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/security/roles/?q=(page_size:100)", nil, &roles)
	if off(err) {
		return nil
	}
	for _, r := range roles.Result {
		if !slices.Contains(standardRoles(), r.Name) {
			err = errors.Join(err, c.DropRole(ctx, r.Name))
		}
	}
	if err != nil {
		return err
	}
	return c.Grant(ctx, "Public")
}

// off reports whether the server has no such API.
func off(err error) bool {
	var se *StatusError
	return errors.As(err, &se) && se.Status == http.StatusNotFound
}
